"""A shared mailbox is read: what is ours is kept once and moved, all else stays as it was, whatever the service does."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers.graph import SHARED, Fault, GraphServer, Mail, Mailbox
from triage.collect import graph as graph_module
from triage.collect import mailbox as mailbox_module
from triage.collect import places as places_module
from triage.collect.graph import Forbidden, Graph
from triage.collect.graph_mailbox import GraphMailbox
from triage.collect.inbox import FolderInbox
from triage.collect.mailbox import NOT_ALONE, TIME_IS_UP, Folders, Polled, poll
from triage.errors import Misconfigured, Transient
from triage.group import SqliteDocuments

NOW = "2026-10-21T08:00:00Z"
Poll = Callable[..., Polled]


def report(number: int = 1) -> bytes:
    """Give a report, another one for each number. What makes it one here is its subject alone."""
    return b"From: postmaster@contoso.example\r\nSubject: Undeliverable: %d\r\n\r\nreport %d\r\n" % (number, number)


def letter(number: int = 1) -> bytes:
    """Give a message of a person."""
    return b"From: eve@contoso.example\r\nSubject: Lunch %d\r\n\r\nAt noon?\r\n" % number


def is_report(content: bytes) -> bool:
    """Decide as the tests need it: by the subject."""
    return b"Undeliverable" in content


def each_time_anew(mime: bytes, reading: int) -> bytes:
    """Give a message as a service does that writes it anew: no two readings have the same bytes."""
    return mime + b"--_%04d_--\r\n" % reading


@pytest.fixture
def inbox(tmp_path: Path) -> FolderInbox:
    """Give an empty inbox."""
    return FolderInbox(tmp_path / "inbox")


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[SqliteDocuments]:
    """Give an empty store."""
    with SqliteDocuments(tmp_path / "store.sqlite") as opened:
        yield opened


@pytest.fixture
def run(graph_server: GraphServer, inbox: FolderInbox, tmp_path: Path) -> Iterator[Poll]:
    """Give a function that reads the mailbox once, from any thread."""
    with httpx.Client(trust_env=False) as client:

        def run_(*, seconds: float = 60.0, now: str = NOW, **more: object) -> Polled:
            deadline = time.monotonic() + seconds
            graph = Graph(client, graph_server.token, graph_server.url, deadline=deadline, loopback=True)
            wanted = more.pop("wanted", is_report)
            with SqliteDocuments(tmp_path / "store.sqlite") as store:
                return poll(GraphMailbox(graph, SHARED), inbox, store, wanted, now, **more)  # type: ignore[arg-type]

        yield run_


def done(server: GraphServer) -> list[bytes]:
    """Give what lies in the folder for what was read."""
    return [mail.mime for mail in server.mailbox.in_folder("Done")]


def waiting(server: GraphServer) -> list[Mail]:
    """Give what lies in the Inbox."""
    return server.mailbox.in_folder("Inbox")


def kept(inbox: FolderInbox) -> list[bytes]:
    """Give the contents of all inputs, sorted."""
    contents = []
    for name in inbox.list():
        file = inbox.open(name)
        assert file is not None
        with file:
            contents.append(file.read())
    return sorted(contents)


def failed(documents: SqliteDocuments) -> list[dict[str, object]]:
    """Give the record of messages that could not be read."""
    rows = [documents.get(one.key) for one in documents.list("mailbox/failed/")]
    return [json.loads(row[0]) for row in rows if row is not None]


def test_a_report_is_kept_then_moved(run: Poll, graph_server: GraphServer, inbox: FolderInbox) -> None:
    """The bytes lie in the inbox under their digest and the day on which they came; the message lies in Done."""
    graph_server.deliver(report(), "2026-10-20T23:59:59Z")
    assert run() == Polled(kept=1, moved=1, failed=[])
    assert list(inbox.list()) == [f"mailbox/2026-10-20/{hashlib.sha256(report()).hexdigest()}.eml"]
    assert (kept(inbox), done(graph_server), waiting(graph_server)) == ([report()], [report()], [])


def test_other_mail_is_left_untouched_and_unread(run: Poll, graph_server: GraphServer, inbox: FolderInbox) -> None:
    """What is not ours stays where it is, unread, and nothing is ever written to it."""
    mail = graph_server.deliver(letter())
    graph_server.deliver(report())
    assert run() == Polled(kept=1, moved=1, left=1, failed=[])
    assert [one.id for one in waiting(graph_server)] == [mail.id]
    assert (mail.is_read, mail.moves, kept(inbox)) == (False, 0, [report()])
    assert graph_server.asked("PATCH|DELETE") == 0
    assert graph_server.asked(f"POST .*{mail.id}") == 0


def test_a_second_run_does_nothing(run: Poll, graph_server: GraphServer) -> None:
    """Nothing new means: one request for changes, none for messages. Mail that we moved (`@removed`) is no input."""
    graph_server.deliver(report())
    graph_server.deliver(letter())
    run()
    before = len(graph_server.requests)
    assert run() == Polled(failed=[])
    assert [one for one in graph_server.requests[before:] if "/messages/" in one and "delta" not in one] == []


def test_what_comes_later_is_found_by_its_change_alone(run: Poll, graph_server: GraphServer) -> None:
    """The second run goes on from the place of the first, and reads the new message only."""
    for number in range(3):
        graph_server.deliver(letter(number))
    run()
    graph_server.deliver(report())
    assert run() == Polled(kept=1, moved=1, failed=[])
    assert graph_server.asked(r"\$value") == 4


def test_many_pages_are_read_to_the_end(run: Poll, graph_server: GraphServer, inbox: FolderInbox) -> None:
    """All pages of a long list are read in one run, each message once, with four requests at once at most."""
    graph_server.largest_page = 10
    for number in range(57):
        graph_server.deliver(report(number))
    assert run() == Polled(kept=57, moved=57, failed=[])
    assert kept(inbox) == sorted(report(number) for number in range(57))
    assert (len(done(graph_server)), graph_server.asked("delta")) == (57, 6)
    assert 1 < graph_server.at_once <= 4
    assert graph_server.without_id_type == 0


def test_repeated_and_stale_items_are_no_second_input(run: Poll, graph_server: GraphServer, inbox: FolderInbox) -> None:
    """The service may tell of a message twice, and as if it still lay there: it is kept once though its bytes differ."""
    graph_server.largest_page, graph_server.repeats, graph_server.stale = 5, True, True
    graph_server.rewrite = each_time_anew
    for number in range(20):
        graph_server.deliver(report(number))
    assert run() == Polled(kept=20, moved=20, failed=[])
    assert (len(kept(inbox)), len(done(graph_server))) == (20, 20)
    assert all(mail.moves == 1 for mail in graph_server.mailbox.in_folder("Done"))


def test_two_messages_with_the_same_bytes_are_one_input(
    run: Poll, graph_server: GraphServer, inbox: FolderInbox
) -> None:
    """The same bytes delivered twice are known: one input, and both messages are moved."""
    graph_server.deliver(report())
    run()
    graph_server.deliver(report())
    assert run() == Polled(known=1, moved=1, failed=[])
    assert (len(kept(inbox)), len(done(graph_server))) == (1, 2)


@pytest.mark.parametrize("status", [410, 400])
def test_a_forgotten_place_means_a_new_list(
    run: Poll, graph_server: GraphServer, inbox: FolderInbox, status: int
) -> None:
    """After 410, or 400 syncStateNotFound, all is listed anew: no second input, and what was left stays unread."""
    graph_server.deliver(report(1))
    mail = graph_server.deliver(letter())
    run()
    graph_server.deliver(report(2))
    graph_server.forget_places(status)
    assert run() == Polled(kept=1, moved=1, restarted=True, failed=[])
    assert kept(inbox) == [report(1), report(2)]
    assert (mail.is_read, mail.readings) == (False, 1)


def test_a_place_that_is_forgotten_again_at_once_ends_the_run(run: Poll, graph_server: GraphServer) -> None:
    """A service that forgets every place does not hold a run in a circle."""
    graph_server.faults.append(Fault("delta", 410, "SyncStateNotFound", times=1000))
    with pytest.raises(Transient, match="again and again"):
        run()
    assert graph_server.asked("delta") == 2


def test_mail_that_was_moved_back_is_moved_again(run: Poll, graph_server: GraphServer, inbox: FolderInbox) -> None:
    """A report that is known and lies in the Inbox again is moved, and is no second input."""
    graph_server.rewrite = each_time_anew
    mail = graph_server.deliver(report())
    run()
    graph_server.shift(mail, "f-inbox")
    assert run() == Polled(moved=1, failed=[])
    assert (len(kept(inbox)), mail.readings) == (1, 1)


def test_a_change_to_mail_that_was_left_is_not_read_again(run: Poll, graph_server: GraphServer) -> None:
    """People read, flag and sort their mail: that costs no reading of ours."""
    mail = graph_server.deliver(letter())
    run()
    graph_server.touch(mail)
    assert run() == Polled(failed=[])
    assert mail.readings == 1


def test_another_version_looks_at_left_mail_anew(run: Poll, graph_server: GraphServer) -> None:
    """A new version may know more reports: what an older one left is decided on once more."""
    graph_server.deliver(letter())
    assert run(version="1").left == 1
    assert run(version="1").left == 0
    assert run(version="2", wanted=lambda _: True) == Polled(kept=1, moved=1, failed=[])


def test_a_report_that_a_person_took_away_is_left_to_him(
    run: Poll, graph_server: GraphServer, inbox: FolderInbox
) -> None:
    """A message listed as there and as gone was moved by somebody: it is not taken from where he put it."""
    graph_server.largest_page = 2
    mail = graph_server.deliver(report())
    graph_server.deliver(letter())
    run(wanted=lambda _: False)
    other = graph_server.deliver(report(2))
    graph_server.shift(other, "f-drafts")
    assert run() == Polled(failed=[])
    assert (other.folder, mail.folder, kept(inbox)) == ("f-drafts", "f-inbox", [])


def test_the_run_stops_in_time_and_the_next_goes_on(run: Poll, graph_server: GraphServer, inbox: FolderInbox) -> None:
    """Whatever is left to read, a run ends before its deadline; the runs together keep each message once."""
    graph_server.largest_page = 10
    graph_server.value_seconds = 0.15
    graph_server.rewrite = each_time_anew
    for number in range(60):
        graph_server.deliver(report(number))
    stopped = 0
    for _ in range(20):
        began = time.monotonic()
        polled = run(seconds=3.0)
        assert time.monotonic() - began < 3.2
        if polled.stopped is None:
            break
        assert polled.stopped == TIME_IS_UP
        stopped += 1
    assert stopped > 0
    assert (len(kept(inbox)), len(done(graph_server)), waiting(graph_server)) == (60, 60, [])


def test_throttling_past_the_deadline_ends_the_run_without_loss(
    run: Poll, graph_server: GraphServer, inbox: FolderInbox, documents: SqliteDocuments
) -> None:
    """A long Retry-After is no failure of the message at hand: the next run reads it."""
    graph_server.deliver(report())
    graph_server.faults.append(Fault(r"\$value", 429, headers={"Retry-After": "600"}))
    assert run().stopped == TIME_IS_UP
    assert (kept(inbox), failed(documents)) == ([], [])
    assert run() == Polled(kept=1, moved=1, failed=[])


def test_an_expired_token_in_the_middle_changes_nothing(
    run: Poll, graph_server: GraphServer, inbox: FolderInbox
) -> None:
    """Four requests that find their token expired go on with a fresh one."""
    for number in range(8):
        graph_server.deliver(report(number))
    graph_server.faults.append(Fault(r"\$value", 0, after=graph_server.expire_tokens))
    assert run() == Polled(kept=8, moved=8, failed=[])


def test_a_message_that_is_gone_does_not_block_the_rest(
    run: Poll, graph_server: GraphServer, documents: SqliteDocuments
) -> None:
    """One that is deleted between the list and its reading stands on record; the others are read."""
    mail = graph_server.deliver(report(1))
    graph_server.deliver(report(2))
    graph_server.faults.append(Fault(rf"{mail.id}/\$value", 404, "ErrorItemNotFound"))
    polled = run()
    assert (polled.kept, len(polled.failed)) == (1, 1)
    assert "deleted, or moved" in polled.failed[0]
    (row,) = failed(documents)
    assert (row["id"], row["final"], row["received"], row["attempts"]) == (mail.id, True, mail.received, 1)
    assert run() == Polled(failed=[])


def test_a_message_that_is_too_large_is_on_record(
    run: Poll, graph_server: GraphServer, documents: SqliteDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One past the bound is not held in memory, not tried again, and visible."""
    monkeypatch.setattr("triage.collect.graph_mailbox.MIME_BYTES", 2**20)
    graph_server.deliver(report(1) + b"x" * 2_000_000)
    graph_server.deliver(report(2))
    polled = run()
    assert (polled.kept, polled.failed) == (
        1,
        ["A message received 2026-10-20T09:14:11Z: It has more than 1 MB. It is not tried again."],
    )
    assert run() == Polled(failed=[])
    assert failed(documents)[0]["final"] is True


def test_five_failures_and_a_message_is_left_to_a_person(
    run: Poll, graph_server: GraphServer, inbox: FolderInbox, documents: SqliteDocuments
) -> None:
    """Each run tries a failing message once more, five runs in all; the record says so, and `again` begins anew."""
    mail = graph_server.deliver(report())
    graph_server.deliver(report(2))
    graph_server.faults.append(Fault(rf"{mail.id}/\$value", 400, "ErrorMimeContentInvalid", times=5))
    tried = [run(now=f"2026-10-21T08:0{number}:00Z") for number in range(7)]
    assert [len(one.failed) for one in tried] == [1, 1, 1, 1, 1, 0, 0]
    assert [one.kept for one in tried] == [1, 0, 0, 0, 0, 0, 0]
    (row,) = failed(documents)
    assert (row["attempts"], row["final"], row["first"], row["last"]) == (
        5,
        True,
        "2026-10-21T08:00:00Z",
        "2026-10-21T08:04:00Z",
    )
    assert "400 ErrorMimeContentInvalid" in str(row["reason"])
    assert run(again=True) == Polled(kept=1, moved=1, failed=[])
    assert (failed(documents), len(kept(inbox))) == ([], 2)


def test_an_empty_message_is_no_input(run: Poll, graph_server: GraphServer, documents: SqliteDocuments) -> None:
    """Where the service gives no bytes, nothing is kept and the record says so."""
    graph_server.deliver(b"")
    polled = run(wanted=lambda _: True)
    assert (polled.kept, polled.moved) == (0, 0)
    assert "not even headers" in str(failed(documents)[0]["reason"])


def test_an_outage_counts_against_no_message(
    run: Poll, graph_server: GraphServer, documents: SqliteDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the whole service fails, the run ends; however long it lasts, no message is given up for it."""
    monkeypatch.setattr(graph_module, "FIRST_PAUSE", 0.001)
    graph_server.deliver(report())
    down = Fault(r"(\$value|mailFolders/f-inbox$)", 503, times=10_000)
    graph_server.faults.append(down)
    for _ in range(7):
        with pytest.raises(Transient, match="503"):
            run()
    assert failed(documents) == []
    down.times = 0
    assert run() == Polled(kept=1, moved=1, failed=[])


def test_one_message_at_which_the_service_fails_is_on_record(
    run: Poll, graph_server: GraphServer, documents: SqliteDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the service answers for all but one message, that one is at fault, and blocks nobody."""
    monkeypatch.setattr(graph_module, "FIRST_PAUSE", 0.001)
    mail = graph_server.deliver(report(1))
    graph_server.deliver(report(2))
    graph_server.faults.append(Fault(rf"{mail.id}/\$value", 500, times=10_000))
    assert run().kept == 1
    assert failed(documents)[0]["id"] == mail.id


def test_a_message_that_may_not_be_read_blocks_nobody(
    run: Poll, graph_server: GraphServer, documents: SqliteDocuments
) -> None:
    """403 for one message alone stands on record; 403 for the mailbox ends the run."""
    mail = graph_server.deliver(report(1))
    graph_server.deliver(report(2))
    graph_server.faults.append(Fault(rf"{mail.id}/\$value", 403, "ErrorAccessDenied"))
    assert run().kept == 1
    assert "(403)" in str(failed(documents)[0]["reason"])
    graph_server.forbidden.add(SHARED)
    with pytest.raises(Forbidden):
        run()


def test_without_the_right_to_move_nothing_is_lost(
    run: Poll, graph_server: GraphServer, inbox: FolderInbox, documents: SqliteDocuments
) -> None:
    """Where the application may only read, the run ends with the sentence for the operator; later all is moved."""
    graph_server.rewrite = each_time_anew
    graph_server.mailbox.folders["f-done"] = "Done"
    for number in range(3):
        graph_server.deliver(report(number))
    graph_server.read_only = True
    for _ in range(7):
        with pytest.raises(Forbidden, match="RBAC for Applications"):
            run()
    assert failed(documents) == []
    graph_server.read_only = False
    assert run().moved == 3
    assert (len(kept(inbox)), len(done(graph_server))) == (3, 3)


def test_a_message_that_cannot_be_moved_is_kept_once(
    run: Poll, graph_server: GraphServer, inbox: FolderInbox, documents: SqliteDocuments
) -> None:
    """A refused move is tried again by itself in the next run, without a second reading."""
    graph_server.rewrite = each_time_anew
    mail = graph_server.deliver(report())
    graph_server.faults.append(Fault("move", 409, "ErrorMoveCopyFailed"))
    polled = run()
    assert (polled.kept, polled.moved, len(polled.failed)) == (1, 0, 1)
    assert "It is kept, and could not be moved" in polled.failed[0]
    assert run() == Polled(moved=1, failed=[])
    assert (len(kept(inbox)), mail.readings, failed(documents)) == (1, 1, [])


def test_a_message_that_leaves_before_it_is_moved_is_kept(
    run: Poll, graph_server: GraphServer, inbox: FolderInbox, documents: SqliteDocuments
) -> None:
    """Somebody else moved or deleted it after it was kept: that is no failure."""
    mail = graph_server.deliver(report())
    taken = Fault("move", 404, "ErrorItemNotFound", after=lambda: graph_server.shift(mail, "f-drafts"))
    graph_server.faults.append(taken)
    assert run() == Polled(kept=1, failed=[])
    assert (len(kept(inbox)), mail.folder, failed(documents)) == (1, "f-drafts", [])


def test_a_folder_that_vanishes_is_made_again(run: Poll, graph_server: GraphServer, inbox: FolderInbox) -> None:
    """Somebody deletes Done in the middle of a run: what could not be moved is moved by the next one."""
    graph_server.deliver(report())
    run()
    graph_server.deliver(report(2))
    gone = Fault(r"\$value", 0, after=lambda: graph_server.mailbox.folders.pop("f-done"))
    graph_server.faults.append(gone)
    assert len(run().failed) == 1
    assert run() == Polled(moved=1, failed=[])
    assert len(kept(inbox)) == 2


def test_an_inbox_that_cannot_be_written_ends_the_run_before_the_move(
    run: Poll, graph_server: GraphServer, tmp_path: Path, documents: SqliteDocuments
) -> None:
    """Nothing is moved that is not kept: the message waits until the inbox can be written."""
    graph_server.deliver(report())
    (tmp_path / "inbox").write_bytes(b"a file in its place")
    with pytest.raises(Transient, match="inbox"):
        run()
    assert (len(waiting(graph_server)), failed(documents)) == (1, [])
    (tmp_path / "inbox").unlink()
    assert run() == Polled(kept=1, moved=1, failed=[])


def test_of_two_runs_at_once_one_stops(run: Poll, graph_server: GraphServer, inbox: FolderInbox) -> None:
    """A second run that meets the first one's place keeps nothing, and each message is kept once."""
    graph_server.rewrite = each_time_anew
    for number in range(6):
        graph_server.deliver(report(number))
    second: list[Polled] = []
    graph_server.faults.append(Fault(r"\$value", 0, after=lambda: second.append(run())))
    first = run()
    assert sorted([first.stopped, second[0].stopped], key=str) == [NOT_ALONE, None]
    assert (len(kept(inbox)), len(done(graph_server))) == (6, 6)


def test_another_mailbox_begins_from_the_start(
    graph_server: GraphServer, inbox: FolderInbox, documents: SqliteDocuments, run: Poll
) -> None:
    """A place belongs to one mailbox: after the setting changed it counts for nothing."""
    graph_server.deliver(report())
    run()
    graph_server.mailboxes["other@contoso.example"] = Mailbox()
    graph_server.deliver(report(2), to="other@contoso.example")
    with httpx.Client(trust_env=False) as client:
        graph = Graph(client, graph_server.token, graph_server.url, deadline=time.monotonic() + 60, loopback=True)
        polled = poll(GraphMailbox(graph, "other@contoso.example"), inbox, documents, is_report, NOW)
    assert polled == Polled(kept=1, moved=1, failed=[])


def test_source_and_target_must_differ(run: Poll) -> None:
    """A folder into which itself is moved would never be done."""
    with pytest.raises(Misconfigured, match="same folder"):
        run(folders=Folders("inbox", "Inbox"))


def test_memory_is_bounded(
    run: Poll, graph_server: GraphServer, documents: SqliteDocuments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the decisions only the newest are remembered, eight bytes each; the rest is decided on anew when asked."""
    monkeypatch.setattr(places_module, "REMEMBERED", 4)
    for number in range(9):
        graph_server.deliver(letter(number))
    assert run().left == 9
    found = documents.get("mailbox/left/inbox")
    assert found is not None
    assert len(found[0]) == 4 * 8
    graph_server.forget_places()
    assert run().left == 5


def test_old_failures_leave_the_record(run: Poll, graph_server: GraphServer, documents: SqliteDocuments) -> None:
    """What was given up stays visible for ninety days, not for ever."""
    mail = graph_server.deliver(report())
    graph_server.faults.append(Fault(rf"{mail.id}/\$value", 404, "ErrorItemNotFound"))
    run()
    run(now="2027-01-18T00:00:00Z")
    assert len(failed(documents)) == 1
    run(now="2027-01-20T00:00:00Z")
    assert failed(documents) == []


def test_chunks_are_small_enough_for_memory() -> None:
    """So many of the largest messages as are held together fit into half of a 2 GB instance."""
    from triage.collect.graph_mailbox import MIME_BYTES

    assert mailbox_module.CHUNK * MIME_BYTES <= 2**30
