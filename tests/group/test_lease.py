"""One committer at a time: a lease in the cloud, a lock on a laptop."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from triage.errors import Misconfigured
from triage.group import BlobLease, FileLease, Lease

HOLD_UNTIL_KILLED = """
import sys
from pathlib import Path
from triage.group import FileLease

lease = FileLease(Path(sys.argv[1]))
sys.stdout.write(f"{lease.hold()}\\n")
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.fixture(params=["file", pytest.param("blob", marks=pytest.mark.needs_node)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Lease]:
    """Give a function that makes one committer's view of the same lease."""
    if request.param == "file":
        return lambda: FileLease(tmp_path / "store.sqlite")
    container = request.getfixturevalue("container")
    return lambda: BlobLease(container)


def test_a_lease_is_held_by_one(make: Callable[[], Lease]) -> None:
    """Who took the lease keeps it when they ask again, and nobody else gets it before they give it back."""
    one, other = make(), make()
    assert [one.hold(), one.hold(), other.hold()] == [True, True, False]
    one.release()
    assert [other.hold(), one.hold()] == [True, False]
    one.release()
    assert other.hold()
    other.release()


@pytest.mark.needs_node
def test_a_lease_is_renewed_before_it_ends(container: Any) -> None:
    """A third of the time may pass without a request; after it the lease is renewed, or found lost."""
    time = [0.0]
    lease = BlobLease(container, seconds=60, clock=lambda: time[0])
    assert lease.hold()
    broken = BlobLease(container)
    time[0] = 19.0
    _break(container)
    assert lease.hold()
    time[0] = 21.0
    assert not lease.hold()
    assert broken.hold()


@pytest.mark.needs_node
def test_a_lease_that_somebody_else_took_is_lost_without_an_error(container: Any) -> None:
    """A committer that was slower than its lease learns so, and giving back takes nothing from its successor."""
    time = [0.0]
    slow = BlobLease(container, clock=lambda: time[0])
    assert slow.hold()
    _break(container)
    successor = BlobLease(container)
    assert successor.hold()
    time[0] = 300.0
    assert not slow.hold()
    slow.release()
    assert not BlobLease(container).hold()


def _break(container: Any) -> None:
    """Do what the passing of time does: end the lease, whoever holds it."""
    from azure.storage.blob import BlobLeaseClient

    BlobLeaseClient(container.get_blob_client("lease/committer")).break_lease(lease_break_period=0)


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    """The system drops the lock of a process that was killed, so that the next one need not wait."""
    store = tmp_path / "store.sqlite"
    command = [sys.executable, "-c", HOLD_UNTIL_KILLED, str(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        lease = FileLease(store)
        assert not lease.hold()
        holder.kill()
        holder.wait(timeout=30)
        assert lease.hold()
        lease.release()


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """A store in a folder that does not exist is the operator's to mend, and the sentence names the file."""
    with pytest.raises(Misconfigured, match=r"store\.sqlite\.lease"):
        FileLease(tmp_path / "nowhere" / "store.sqlite").hold()
