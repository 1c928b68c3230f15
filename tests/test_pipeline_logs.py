"""Protocol logs on their whole way into the store: grown, killed, repeated, read by several processes."""

from collections.abc import Callable, Iterable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import msgspec
import pytest

import triage.pipeline
from tests.decode.protocol_log.conftest import log_of, session_rows
from tests.intake.conftest import HEALTHY, SENT, divided, knowledge, members_of, put, rows_of_many
from tests.test_pipeline import NOW, feed_and_die, totals
from triage.group import SqliteDocuments, incidents
from triage.intake import Crew, inputs
from triage.model import Reading
from triage.model.wire import json_line, reading_json, reading_pieces
from triage.pipeline import Parts, take_in
from triage.settings import Settings
from triage.wiring import parts_of

FAILED_SESSIONS = 20
COUNTED = 2 * FAILED_SESSIONS
"""Those that fail, and as many that hand mail over in clear text within a minute, to the same host."""


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Give the real rules, runbooks and texts, with one domain of ours."""
    return parts_of(Settings(ours={"domains": ["contoso.example"]}))


def feed(store: Path, folder: Path, parts: Parts, crew: Crew | None = None) -> list[Reading]:
    """Take a folder in, to the end; give what was read."""
    with SqliteDocuments(store) as documents:
        return [reading for reading, _ in take_in(inputs([str(folder)]), documents, parts, NOW, crew)]


def stored(store: Path) -> list[Reading]:
    """Give every reading of a store."""
    with SqliteDocuments(store) as documents:
        found = [documents.get(listed.key) for listed in documents.list("reading/")]
    return [msgspec.json.decode(one[0], type=Reading) for one in found if one is not None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder of five logs, of whose sessions twenty fail, each of them across two files as often as not."""
    logs = divided(rows_of_many(3 * FAILED_SESSIONS, seconds=0.5), 5)
    return put(tmp_path / "logs", [(f"SEND20261018{n:02}-1.LOG", log) for n, log in enumerate(logs)])


def test_members_stay_with_the_stored_reading(folder: Path, parts: Parts, tmp_path: Path) -> None:
    """Grouping counts sessions by them, today or when a killed run is taken up."""
    read = feed(tmp_path / "s.sqlite", folder, parts)

    assert sorted(stored(tmp_path / "s.sqlite"), key=_sha256) == sorted(read, key=_sha256)
    failed = [finding for reading in read for finding in reading.findings if finding.observation.action == "failed"]
    assert sum(len(finding.members) // 8 for finding in failed) == FAILED_SESSIONS


def _sha256(reading: Reading) -> str:
    return reading.sha256


def test_the_contract_shows_no_members(folder: Path, parts: Parts, tmp_path: Path) -> None:
    """They are ours; the line that is printed has what it always had."""
    for reading in feed(tmp_path / "s.sqlite", folder, parts):
        line = msgspec.json.decode(b"".join(reading_pieces(reading)))
        assert line == msgspec.json.decode(json_line(reading_json(reading)))
        assert [one for one in line["observations"] if "members" in one] == []


def test_a_line_with_half_a_character_is_still_a_line(parts: Parts, tmp_path: Path) -> None:
    """What UTF-8 cannot carry becomes a question mark."""
    [reading] = feed(tmp_path / "s.sqlite", put(tmp_path / "in", [("a.log", log_of(*session_rows(SENT)))]), parts)
    place = msgspec.structs.replace(reading.source, path="a\udcff.log")

    line = b"".join(reading_pieces(msgspec.structs.replace(reading, source=place)))

    assert msgspec.json.decode(line)["source"]["path"] == "a?.log"


def test_a_crew_counts_as_one_process_does(
    folder: Path, parts: Parts, tmp_path: Path, ndr: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logs and reports in one folder: the same readings, incidents and counts."""
    monkeypatch.setattr("triage.decode.protocol_log.part.PART_BYTES", 9_000)
    reports = [(f"{n}.eml", bytes(ndr(recipient=f"u{n}@fabrikam.example", message_id=f"{n}@a"))) for n in range(120)]
    put(folder, reports)
    alone = feed(tmp_path / "alone.sqlite", folder, parts)
    with Crew(2, knowledge) as crew:
        together = feed(tmp_path / "together.sqlite", folder, parts, crew)

    assert together == alone
    assert totals(tmp_path / "together.sqlite") == totals(tmp_path / "alone.sqlite")


def test_a_log_that_grew_between_two_runs_adds_no_session_twice(parts: Parts, tmp_path: Path) -> None:
    """The sessions of all its readings are those that it has at last, half a row at its first end notwithstanding."""
    rows = rows_of_many(3 * FAILED_SESSIONS, seconds=0.5)
    whole = log_of(*rows)
    for size in (len(whole) // 3, len(whole) // 2, len(whole)):
        put(tmp_path / "logs", [("SEND2026101809-1.LOG", whole[:size])])
        feed(tmp_path / "s.sqlite", tmp_path / "logs", parts)

    assert len(stored(tmp_path / "s.sqlite")) == 3
    assert len(members_of(stored(tmp_path / "s.sqlite"))) == COUNTED


def test_files_that_come_one_a_run_join_as_if_they_had_come_together(
    folder: Path, parts: Parts, tmp_path: Path
) -> None:
    """Each day's new file finds the sessions that began in the last of the day before."""
    files = sorted(folder.iterdir())
    for n in range(len(files)):
        put(tmp_path / "growing", [(files[n].name, files[n].read_bytes())])
        feed(tmp_path / "growing.sqlite", tmp_path / "growing", parts)
    feed(tmp_path / "whole.sqlite", folder, parts)

    assert members_of(stored(tmp_path / "growing.sqlite")) == members_of(stored(tmp_path / "whole.sqlite"))
    whole, growing = (
        sorted((reading.sha256, _said(reading)) for reading in stored(tmp_path / f"{name}.sqlite"))
        for name in ("whole", "growing")
    )
    # What was open at the end of a run was judged as it stood, and again where it ended: members tell that it is one.
    assert [sha256 for sha256, _ in growing] == [sha256 for sha256, _ in whole]
    assert all(set(less) <= set(more) for (_, less), (_, more) in zip(whole, growing, strict=True))


def _said(reading: Reading) -> list[tuple[str, str]]:
    return [(finding.observation.action, finding.observation.receiving_ip or "") for finding in reading.findings]


@pytest.mark.parametrize("at", range(1, 40, 3))
def test_a_run_killed_between_two_files_joins_their_sessions_later(
    folder: Path, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Killed at any write and run again, the sessions are those of a run that nobody killed."""
    monkeypatch.setattr(triage.pipeline, "AT_ONCE", 1)
    items = list(inputs([str(folder)]))
    feed_and_die(tmp_path / "killed.sqlite", items, parts, at, after=False)
    feed(tmp_path / "killed.sqlite", folder, parts)
    feed(tmp_path / "whole.sqlite", folder, parts)

    killed, whole = (sorted(stored(tmp_path / f"{name}.sqlite"), key=_sha256) for name in ("killed", "whole"))
    assert killed == whole
    assert len(members_of(killed)) == COUNTED


def test_the_same_folder_again_reads_nothing(
    folder: Path, parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was counted takes its place by its digest alone."""
    read = feed(tmp_path / "s.sqlite", folder, parts)
    monkeypatch.setattr("triage.intake.logs.LogReader.take", None)

    assert feed(tmp_path / "s.sqlite", folder, parts) == read


def test_a_log_in_two_folders_is_one(folder: Path, parts: Parts, tmp_path: Path) -> None:
    """A copy beside the original adds no reading and no session."""
    copy = put(tmp_path / "both" / "copy", [(path.name, path.read_bytes()) for path in folder.iterdir()])
    put(tmp_path / "both" / "original", [(path.name, path.read_bytes()) for path in copy.iterdir()])
    feed(tmp_path / "s.sqlite", tmp_path / "both", parts)

    assert len(stored(tmp_path / "s.sqlite")) == 5
    assert len(members_of(stored(tmp_path / "s.sqlite"))) == COUNTED


def test_healthy_sessions_have_no_members(parts: Parts, tmp_path: Path) -> None:
    """Their number is evidence and need not be exact."""
    put(tmp_path / "logs", [("a.log", log_of(*session_rows(HEALTHY)))])
    feed(tmp_path / "s.sqlite", tmp_path / "logs", parts)

    assert members_of(stored(tmp_path / "s.sqlite")) == set()


# ---- what proves an end


def at_noon(key: str, *, days: int = 0, steps: Iterable[str]) -> list[str]:
    """Give the rows of one session of a Send log, some days after 09:14 of 18 October."""
    return session_rows(steps, key=key, at=days * 86_400)


def ended(store: Path, parts: Parts) -> list[tuple[str, int, bool]]:
    """Give state, failed sessions and whether there is proof, of each incident."""
    with SqliteDocuments(store) as documents:
        return [(one.state, one.counts.sessions, one.proof is not None) for one in incidents(documents)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["in order", "the later log first"])
def test_a_log_of_successes_ends_what_a_log_of_failures_began(
    order: tuple[int, int], parts: Parts, tmp_path: Path
) -> None:
    """Two logs of one server, in either order: one incident, resolved, with what was seen before and after."""
    logs = [
        log_of(*at_noon("08D92C6B00000001", steps=SENT)),
        log_of(*at_noon("08D92C6B00000002", days=1, steps=HEALTHY)),
    ]
    for number in order:
        feed(tmp_path / "s.sqlite", put(tmp_path / f"in{number}", [(f"{number}.log", logs[number])]), parts)
    assert ended(tmp_path / "s.sqlite", parts) == [("resolved", 1, True)]


def test_a_log_that_a_mail_carries_ends_nothing(parts: Parts, tmp_path: Path) -> None:
    """Anybody can attach a log to a mail, from an address of ours too: it is read, and proves no end."""
    failures = log_of(*at_noon("08D92C6B00000001", steps=SENT))
    feed(tmp_path / "s.sqlite", put(tmp_path / "in", [("0.log", failures)]), parts)
    successes = log_of(*at_noon("08D92C6B00000002", days=1, steps=HEALTHY))
    for number, sender in enumerate(("karl.holm@contoso.example", "mallory@tailspin.example")):
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, "bounces@contoso.example", "our log"
        mail.set_content("See the log.")
        mail.add_attachment(successes, maintype="text", subtype="plain", filename="SEND20261019-1.LOG")
        (reading,) = feed(tmp_path / "s.sqlite", put(tmp_path / f"mail{number}", [("0.eml", bytes(mail))]), parts)
        assert [one.observation.action for one in reading.findings] == ["relayed"]
    assert ended(tmp_path / "s.sqlite", parts) == [("open", 1, False)]
