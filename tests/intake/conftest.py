"""Folders of protocol logs and of messages, and ways to read them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.decode.protocol_log.conftest import log_of, received_rows, session_rows, succeeded
from tests.decode.protocol_log.test_outcomes import CONNECTED, GOODBYE, HANDED, NOT_OFFERED, OFFERED, RECEIVED, STARTTLS
from triage.collect.files import Item, walk
from triage.collect.limits import Limits
from triage.decode import is_protocol_log
from triage.diagnose import Rulebook
from triage.hosts import Hosts
from triage.intake import Crew, Knowledge, Work, readings
from triage.model import Reading

HOSTS = Hosts(domains=["contoso.example"], hosts=["hq-ex10a.contoso.example"])
FAILED = ("*,,TLS negotiation failed with error SocketError", "-,,Remote")
SENT = (*CONNECTED, *OFFERED, *STARTTLS, *FAILED)
HEALTHY = (*CONNECTED, *OFFERED, *STARTTLS, succeeded(), *HANDED, *GOODBYE)
CLEAR = (*CONNECTED, *NOT_OFFERED, *HANDED, *GOODBYE)
RECEIVED_FAILED = (*RECEIVED, "<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", *FAILED)


def knowledge() -> Knowledge:
    """Load the real rules, with a domain of ours; the processes of a crew call it too."""
    return Knowledge(hosts=HOSTS, rulebook=Rulebook.load(None))


@pytest.fixture(scope="session")
def known() -> Knowledge:
    """Give the knowledge, loaded once."""
    return knowledge()


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    """Give two real processes."""
    with Crew(2, knowledge) as given:
        yield given


def rows_of_many(count: int, peers: int = 3, seconds: float = 1) -> list[str]:
    """Give the rows of many sessions, failed, healthy and in clear text in turn, that overlap in time."""
    kinds = (SENT, HEALTHY, CLEAR)
    rows = []
    for n in range(count):
        peer = f"198.51.100.{n % peers}:25"
        rows += session_rows(kinds[n % 3], key=f"08D92C6B{n:08X}", remote=peer, at=n * seconds)
    return sorted(rows)


def received(number: int = 1, at: float = 0) -> list[str]:
    """Give the rows of a session of a Receive log whose handshake fails."""
    return received_rows(RECEIVED_FAILED, key=f"08D92C6B{number:08X}", at=at)


def divided(rows: list[str], files: int) -> list[bytes]:
    """Give logs that hold the rows in turn, about as many each."""
    size = len(rows) // files + 1
    return [log_of(*rows[at : at + size]) for at in range(0, len(rows), size)]


def put(folder: Path, files: Iterable[tuple[str, bytes]]) -> Path:
    """Write files into a folder and give it."""
    for name, content in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def items_in(path: Path, limits: Limits | None = None) -> list[Item]:
    """Give the documents of a folder."""
    return list(walk([str(path)], limits or Limits(), is_protocol_log))


ReadAll = Callable[..., list[Reading]]


@pytest.fixture
def read_all(known: Knowledge) -> ReadAll:
    """Give a function that reads items or a folder, with a crew if one is given."""

    def reading(
        path: Path | Sequence[Item | Work], crew: Crew | None = None, limits: Limits | None = None, **given
    ) -> list[Reading]:
        items = items_in(path, limits) if isinstance(path, Path) else path
        works = [one if isinstance(one, Work) else Work(one) for one in items]
        return [done.reading for done in readings(works, known, crew, **given)]

    return reading


def sessions_of(read: list[Reading]) -> list[list[tuple[str, int]]]:
    """Give, for each reading, what its observations say and how many sessions each stands for."""
    return [[(one.observation.action, one.observation.count) for one in reading.findings] for reading in read]


def members_of(read: Iterable[Reading]) -> set[bytes]:
    """Give the digests of all sessions in these readings."""
    packed = [finding.members for reading in read for finding in reading.findings]
    return {one[at : at + 8] for one in packed for at in range(0, len(one), 8)}
