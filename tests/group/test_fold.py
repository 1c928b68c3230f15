"""What an incident says of itself: which evidence moved its verdict, when, where to and who told it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from tests.group.sources import (
    HOSTS,
    LOW,
    SERVER,
    built,
    handed,
    judging,
    ndr,
    queue,
    reading,
    send_log,
    tls_report,
)
from triage.group import SqliteDocuments, commit, incidents
from triage.group.fold import MAX_REASONS
from triage.group.lifecycle import KEPT_CHANGES
from triage.group.stored import load_ledger
from triage.group.tallies import MAX_TALLIES
from triage.model import Change, Observation, Tls

OLD = built("15.0.847.32")
LOG = send_log(57, sending_host=SERVER)
FINE = handed(10, sending_host=SERVER, time="2026-10-20T09:20:00Z", until="2026-10-20T09:30:00Z")
NO_KEY = send_log(
    2,
    sending_host=SERVER,
    tls=Tls(error="NoCredentials", phase="handshake"),
    diagnostic="TLS negotiation failed with error NoCredentials",
)


def moves(documents: SqliteDocuments, *batches: Sequence[Observation]) -> list[Change]:
    """Let batches come in, an hour after one another, and give the changes of the verdict."""
    for hour, batch in enumerate(batches):
        now = f"2026-10-21T{hour:02}:00:00Z"
        commit(documents, [reading(one, name=f"{hour}") for one in batch], judging(), HOSTS, now)
    (incident,) = incidents(documents)
    return [change for change in incident.changes if change.kind == "verdict-changed"]


STORY = {
    # what came after a first bounce: from, to, a word of the reason, the source
    "a build": ([ndr(2, software=OLD)], "tls-version (probable)", "15.0.847.32", "NDR"),
    "a log": ([LOG], "tls-version (probable)", "handshake failed right after STARTTLS", "Send log"),
    "a log and a build": ([LOG, ndr(2, software=OLD)], "tls-version (certain)", "15.0.847.32", "NDR, Send log"),
    "a success": ([FINE], "connection-dropped (possible)", "succeeded over TLS 1.2", "Send log"),
    "a certificate": ([NO_KEY], "tls-certificate (certain)", "NoCredentials is the name of a certificate fault", "Send log"),
}  # fmt: skip


@pytest.mark.parametrize("case", STORY)
def test_a_change_says_from_where_to_where_why_and_by_whom(documents: SqliteDocuments, case: str) -> None:
    """Failures and successes alike: each move of the verdict names both verdicts, its evidence and its source."""
    came, to, reason, source = STORY[case]
    (move,) = moves(documents, [ndr(1)], came)
    assert move.text.startswith(f"from tls-version (possible) to {to}, because ")
    assert reason in move.text
    assert move.text.endswith(f"(told by: {source})")
    assert move.at == "2026-10-21T01:00:00Z"


def test_each_move_is_told_and_begins_where_the_last_one_ended(documents: SqliteDocuments) -> None:
    """Possible, probable, certain, overturned: four lines that can be read one after the other."""
    told = [
        one.text for one in moves(documents, [queue(server=SERVER)], [ndr(1, software=OLD)], [LOG], [FINE], [NO_KEY])
    ]
    ends = [text.removeprefix("from ").partition(", because")[0].split(" to ") for text in told]
    assert ends[0][0] == "tls-version (possible)"
    assert ends[-1][1] == "tls-certificate (certain)"
    assert all(before[1] == after[0] for before, after in pairwise(ends))
    assert [two for _, two in ends][:2] == ["tls-version (probable)", "tls-version (certain)"]


def test_at_most_three_reasons_are_given(documents: SqliteDocuments) -> None:
    """However much is new, a person reads the three strongest pieces of it."""
    required = send_log(5, sending_host=SERVER, tls=Tls(error="SocketError", phase="handshake", required=True))
    (move,) = moves(documents, [ndr(1)], [required, ndr(2, software=OLD), LOG])
    reasons = move.text.partition(", because ")[2].partition(" (told by")[0]
    assert 1 <= len(reasons.split("; ")) <= MAX_REASONS


UNABLE: dict[str, Any] = {"diagnostic": "421 4.2.1 Unable to connect", "status": "4.2.1", "tls": Tls()}


def test_what_is_only_more_of_the_same_still_gives_a_reason(documents: SqliteDocuments) -> None:
    """A cause that wins because it is seen more often now says so."""
    (move,) = moves(documents, [ndr(n) for n in range(3)], [ndr(n, **UNABLE) for n in range(10, 15)])
    reason = "because it is seen more often now (told by: NDR)"
    assert move.text == f"from tls-version (possible) to connection-timeout (possible), {reason}"


@pytest.mark.parametrize("came", [ndr(2), ndr(3, trust=LOW, software=OLD), tls_report(receiving_host=None)])
def test_what_moves_nothing_is_not_told(documents: SqliteDocuments, came: Observation) -> None:
    """More of the same, and what nobody believes, changes no verdict and says nothing."""
    assert moves(documents, [ndr(1)], [came] if came.source == "ndr" else []) == []


def test_the_changes_are_bounded_and_keep_the_first(documents: SqliteDocuments) -> None:
    """A verdict that somebody moves to and fro fills nothing: the first change and the newest stay."""
    batches = [
        [ndr(0)],
        *([ndr(100 * n + m, **(UNABLE if n % 2 else {})) for m in range(2)] for n in range(1, 2 * KEPT_CHANGES)),
    ]
    moved = moves(documents, *batches)
    (incident,) = incidents(documents)
    assert len(moved) == len(incident.changes) - 1 == KEPT_CHANGES - 1
    assert incident.changes[0].kind == "opened"


def test_an_incident_under_attack_stays_small(documents: SqliteDocuments) -> None:
    """Ten thousand forged bounces, each in a way of its own: some kilobytes of ways, whatever they hold."""
    for at in range(0, 10_000, 1_000):
        forged = [
            ndr(n, receiving_ip=f"198.{n // 62_500}.{n // 250 % 250}.{n % 250}", software=built(f"15.0.{n}.1"))
            for n in range(at, at + 1_000)
        ]
        commit(documents, [reading(*forged)], judging(), HOSTS, "2026-10-21T00:00:00Z")
    (incident,) = incidents(documents)
    assert incident.counts.returned == 10_000
    ledger = load_ledger(documents, incident.id)
    assert ledger is not None
    assert len(ledger.tallies) == MAX_TALLIES + 1
    ways = len(ledger.encode()) - sum(map(len, (ledger.reports, ledger.messages, ledger.recipients)))
    assert ways < 600_000
    assert incident.verdict.confidence != "certain"
