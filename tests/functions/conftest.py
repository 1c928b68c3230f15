"""The app in the real Functions worker library, on Azurite with the real storage clients."""

import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from triage.cloud.storage import Storage, storage_of
from triage.group import BlobDocuments
from triage.local.azurite import Emulator
from triage.local.azurite import azurite as running
from triage.local.host import make_containers
from triage.local.queues import QueuePump, queue_rules
from triage.local.worker import Worker

APP = Path(__file__).parents[2]
ACCOUNTS = [f"test{number}" for number in range(100)]
"""As many as tests that want one: each has its own containers and queues."""


@pytest.fixture(scope="session")
def azurite() -> Iterator[Emulator]:
    """Run Azurite, in memory, for all tests."""
    with running(APP / "node_modules" / ".bin" / "azurite", accounts=ACCOUNTS) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def accounts() -> Iterator[str]:
    """Give the names of accounts that no test has had."""
    return (ACCOUNTS[number] for number in count())


@pytest.fixture
def storage(azurite: Emulator, accounts: Iterator[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Storage:
    """Give an account with the two containers, which is the one that the environment names."""
    monkeypatch.setenv("TriageStorage", azurite.connection(next(accounts)))
    monkeypatch.chdir(tmp_path)  # no settings file of somebody's
    made = storage_of()
    make_containers(made)
    return made


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Worker]:
    """Give a function that indexes the app of a folder; the library's registries are module globals, so they go first."""

    def worker(folder: Path) -> Worker:
        stale = [name for name in sys.modules if name.startswith(("azure_functions_runtime", "function_app"))]
        for name in stale:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.syspath_prepend(str(folder))
        return Worker(folder)

    return worker


@pytest.fixture
def worker(fresh: Callable[[Path], Worker]) -> Worker:
    """Give a worker that indexed the app."""
    return fresh(APP)


@pytest.fixture
def documents(storage: Storage) -> BlobDocuments:
    """Give the store that the app writes to."""
    return BlobDocuments(storage.blobs.get_container_client("store"))


@pytest.fixture
def pump(worker: Worker, storage: Storage) -> Iterator[QueuePump]:
    """Give what hands the account's messages to the app, with its queues made."""
    made = QueuePump(worker, storage, queue_rules(APP))
    made.make_queues()
    yield made
    made.close()
