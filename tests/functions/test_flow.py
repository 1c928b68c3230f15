"""From a dropped blob to an incident, on Azurite: events, queues, functions, the store; interrupted and repeated."""

import hashlib
import json
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from azure.storage.blob import ContainerClient
from typer.testing import CliRunner

from triage.cli.app import app
from triage.cloud.intake import Bounds
from triage.cloud.poison import drop, poisoned, replay
from triage.cloud.storage import INPUTS, POISON, Storage, decoded, encoded
from triage.collect.files import walk
from triage.collect.inbox import BlobInbox
from triage.errors import Conflict, NotFound
from triage.group import InboxActs, SqliteDocuments, incidents, uncounted
from triage.local.host import Announcer, Timers, event_of
from triage.local.queues import QueuePump, QueueRules
from triage.local.worker import Worker
from triage.model import Act
from triage.pipeline import read
from triage.settings import load_settings
from triage.wiring import parts_of

pytestmark = [pytest.mark.needs_functions, pytest.mark.needs_node]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def inbox(storage: Storage) -> ContainerClient:
    """Give the container of the inputs."""
    return storage.blobs.get_container_client("inbox")


@pytest.fixture
def settle(worker: Worker, pump: QueuePump, storage: Storage) -> Callable[[], None]:
    """Give a function that tells of new blobs and works until every queue is empty and everything is counted."""
    announcer, timers = Announcer(storage), Timers(worker)

    def settled() -> None:
        announcer.turn()
        while pump.turn():
            pass
        assert timers.fire("commit")
        while pump.turn():  # the kicks
            pass

    return settled


def returned(documents: Any) -> list[int]:
    """Give how many messages were returned in each incident."""
    return sorted(one.counts.returned for one in incidents(documents))


def log_of(rows: int) -> bytes:
    """Give a Send log of so many rows, in sessions of four that end without a word after STARTTLS."""
    steps = (">,EHLO hq-ex10a.contoso.example,", "<,250-STARTTLS,", ">,STARTTLS,", "-,,Remote")
    head = (
        "#Software: Microsoft Exchange Server\r\n#Version: 14.0.0.0\r\n#Log-type: SMTP Send Protocol Log\r\n"
        "#Date: 2026-10-18T09:00:00.000Z\r\n#Fields: date-time,connector-id,session-id,sequence-number,"
        "local-endpoint,remote-endpoint,event,data,context\r\n"
    )
    lines = [
        f"2026-10-18T09:{at // 4 % 60:02}:00.{at % 4:03}Z,Outbound,08D92C6B{at // 4:08X},{at % 4},"
        f"192.0.2.10:{1025 + at // 4 % 60000},198.51.100.20:25,{steps[at % 4]}\r\n"
        for at in range(rows)
    ]
    return (head + "".join(lines)).encode()


def test_dropped_blobs_become_one_incident(
    inbox: ContainerClient, settle: Callable[[], None], documents: Any, ndr: Callable[..., Any]
) -> None:
    """Reports under any name become one incident with exact counts; what is dropped twice counts once."""
    for number in range(12):
        report = bytes(ndr(recipient=f"user{number}@fabrikam.example", message_id=f"m{number}@contoso.example"))
        inbox.upload_blob(f"drop {number}%20é.eml", report)
        inbox.upload_blob(f"again/{number}", report)
    settle()
    assert returned(documents) == [12]
    assert list(uncounted(documents)) == []


def test_events_that_come_twice_and_late_change_nothing(
    inbox: ContainerClient,
    settle: Callable[[], None],
    storage: Storage,
    pump: QueuePump,
    documents: Any,
    ndr: Callable[..., Any],
) -> None:
    """Event Grid may deliver an event again, in any order, when all is counted, or when the blob is gone."""
    inbox.upload_blob("1.eml", bytes(ndr()))
    (blob,) = inbox.list_blobs()
    event = json.dumps(event_of(storage, blob))
    settle()
    for _ in range(3):
        storage.send(INPUTS, event)
    settle()
    inbox.delete_blob("1.eml")
    storage.send(INPUTS, event)
    settle()
    assert returned(documents) == [1]
    assert poisoned(storage, INPUTS) == ([], 0)


def test_list_of_events_is_taken_apart(
    inbox: ContainerClient,
    settle: Callable[[], None],
    storage: Storage,
    pump: QueuePump,
    documents: Any,
    ndr: Callable[..., Any],
) -> None:
    """A message with several events becomes one for each, so that each has a function's time for itself."""
    for number in range(3):
        inbox.upload_blob(f"{number}.eml", bytes(ndr(message_id=f"m{number}@contoso.example")))
    events = [event_of(storage, blob) for blob in inbox.list_blobs()]
    storage.send(INPUTS, json.dumps(events))
    assert [pump.turn() for _ in range(3)] == [1, 3, 0]
    settle()
    assert returned(documents) == [3]


def test_blob_drop_takes_what_the_command_takes(
    inbox: ContainerClient, settle: Callable[[], None], documents: Any
) -> None:
    """Each file of the examples, dropped as a blob, gives the readings that the command gives for the file."""
    files = [path for path in sorted((ROOT / "examples").rglob("*")) if path.is_file()]
    parts = parts_of(load_settings())
    expected = {
        (one.sha256, one.kind) for path in files for one in map(partial(read, knowledge=parts), walk([str(path)]))
    }
    for path in files:
        inbox.upload_blob(path.relative_to(ROOT).as_posix(), path.read_bytes())
    settle()
    bodies = [json.loads(documents.get(one.key)[0]) for one in documents.list("reading/")]
    assert {(one["sha256"], one["kind"]) for one in bodies} == expected
    assert {"bounce", "delay", "queue", "protocol-log", "tls-report", "auto-reply", "other"} <= {
        kind for _, kind in expected
    }


def test_events_for_one_blob_at_once_count_it_once(
    inbox: ContainerClient, settle: Callable[[], None], storage: Storage, documents: Any, ndr: Callable[..., Any]
) -> None:
    """Eight functions that read the same blob at the same time give one count."""
    inbox.upload_blob("1.eml", bytes(ndr()))
    (blob,) = inbox.list_blobs()
    for _ in range(8):
        storage.send(INPUTS, json.dumps(event_of(storage, blob)))
    settle()
    assert returned(documents) == [1]


def test_large_log_takes_several_calls(
    inbox: ContainerClient,
    settle: Callable[[], None],
    storage: Storage,
    pump: QueuePump,
    documents: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A log that no single call can read is read by several, each told by a message of the one before it."""
    monkeypatch.setattr("triage.cloud.intake.RANGE", 2**18)
    # Past the first range each call finds that its time is up.
    monkeypatch.setattr("triage.cloud._bounds", lambda _: Bounds(whole_bytes=2**18, seconds=0))
    content = log_of(12_000)
    assert len(content) > 4 * 2**18
    inbox.upload_blob("logs/SEND20261018-1.LOG", content)
    Announcer(storage).turn()
    calls = 0
    while taken := pump.turn():
        assert taken == 1
        calls += 1
    assert calls == -(-len(content) // 2**18)
    settle()
    assert sum(one.counts.sessions for one in incidents(documents)) == 3_000
    reading = documents.get(f"reading/{hashlib.sha256(content).hexdigest()}")
    assert reading is not None
    assert [one.key for one in documents.list("progress/")] == []


def test_far_too_large_input_is_refused_with_a_command(
    inbox: ContainerClient, settle: Callable[[], None], documents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of a refused input holds a command line that a shell understands, whatever the blob is called."""
    monkeypatch.setenv("TRIAGE_INTAKE__LARGEST_MB", "1")
    inbox.upload_blob("it's; rm -rf $HOME/x.LOG", b"#" * (2**20 + 1))
    settle()
    (key,) = [one.key for one in documents.list("reading/")]
    reading = json.loads(documents.get(key)[0])
    assert reading["kind"] == "unreadable"
    words = shlex.split(reading["error"].partition("On a machine of your own: ")[2])
    assert words[:4] == ["az", "storage", "blob", "download"]
    assert words[words.index("--container-name") + 1] == "inbox"
    assert words[words.index("--name") + 1] == "it's; rm -rf $HOME/x.LOG"
    assert words[-5:-2] == ["triage", "run", words[words.index("--file") + 1]]


def test_replaced_blob_is_read_again(storage: Storage, inbox: ContainerClient) -> None:
    """A range of a version that is no more is refused, so that no input is put together from two."""
    inbox.upload_blob("1.eml", b"first")
    blob = storage.open_blob("inbox", "1.eml")
    assert blob.read(1, 3) == b"irs"
    inbox.upload_blob("1.eml", b"second", overwrite=True)
    with pytest.raises(Conflict):
        blob.read(0, 5)


# ---- what is given up on


def triage(*arguments: str) -> Any:
    """Run a command on the account of the environment."""
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def hasty(worker: Worker, storage: Storage) -> Any:
    """Give a pump that tries again at once."""
    pump = QueuePump(worker, storage, QueueRules(batch_size=8, max_dequeue_count=5))
    pump.make_queues()
    yield pump
    pump.close()


def test_message_is_given_up_after_five_tries(storage: Storage, hasty: QueuePump) -> None:
    """What fails five times lies in the poison queue, as it was, and nowhere else."""
    storage.queue(INPUTS).send_message(encoded("no event"))
    assert [hasty.turn() for _ in range(7)] == [1, 1, 1, 1, 1, 0, 0]
    (message,) = storage.queue(INPUTS + POISON).peek_messages(5)
    assert decoded(message.content) == "no event"
    assert storage.queue(INPUTS).get_queue_properties().approximate_message_count == 0


def test_poison_is_listed_put_back_and_dropped(
    storage: Storage, hasty: QueuePump, inbox: ContainerClient, settle: Callable[[], None], documents: Any, ndr: Any
) -> None:
    """A person sees what each message is about, puts one back once its cause is mended, and drops another."""
    poison = storage.queue(INPUTS + POISON)
    inbox.upload_blob("late.eml", bytes(ndr()))
    (blob,) = inbox.list_blobs()
    mended = poison.send_message(encoded(json.dumps(event_of(storage, blob))))
    broken = poison.send_message("no event and no base64")

    listed = triage("poison", "list")
    assert (listed.exit_code, listed.stderr) == (0, "")
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    assert [(row[0], row[1], row[4]) for row in rows[1:]] == [
        ("inputs", mended.id, "inbox/late.eml"),
        ("inputs", broken.id, "no event and no base64"),
    ]

    done = triage("poison", "replay", mended.id)
    assert (done.exit_code, done.stdout) == (0, "1 messages are back in inputs.\n")
    assert [one.id for one in poison.peek_messages(5)] == [broken.id]
    settle()
    assert returned(documents) == [1]

    done = triage("poison", "drop", broken.id)
    assert (done.exit_code, done.stdout) == (0, "1 messages are dropped.\n")
    assert triage("poison", "list").stdout == "No message was given up on.\n"


@pytest.mark.parametrize("arguments", [["replay"], ["drop"], ["replay", "x", "--all"]])
def test_poison_commands_ask_for_what_is_meant(arguments: list[str]) -> None:
    """Nothing is put back or dropped by accident: ids, or the word --all, and not both."""
    done = triage("poison", *arguments)
    assert done.exit_code == 2
    assert "--all" in done.stderr


def test_message_that_is_not_there_is_said(storage: Storage) -> None:
    """An id that is gone is an error, and the other messages are shown again at once."""
    poison = storage.queue(INPUTS + POISON)
    poison.create_queue()
    poison.send_message(encoded("x"))
    with pytest.raises(NotFound, match="not in inputs-poison"):
        drop(storage, INPUTS, ["nowhere"])
    assert len(poison.peek_messages(5)) == 1


def test_all_of_many_messages_are_put_back(storage: Storage) -> None:
    """More messages than the service gives at once are put back with one command."""
    for queue in (INPUTS, INPUTS + POISON):
        storage.queue(queue).create_queue()
    for number in range(70):
        storage.queue(INPUTS + POISON).send_message(encoded(str(number)))
    assert replay(storage, INPUTS, []) == 70
    assert storage.queue(INPUTS).get_queue_properties().approximate_message_count == 70
    assert poisoned(storage, INPUTS) == ([], 0)


# ---- what people and time do


def test_act_is_a_blob_of_the_inbox_and_no_input(
    inbox: ContainerClient, settle: Callable[[], None], storage: Storage, documents: Any, ndr: Callable[..., Any]
) -> None:
    """`triage ack` leaves one blob below acts/; its event reads nothing, counts nothing, and poisons nothing."""
    inbox.upload_blob("1.eml", bytes(ndr()))
    settle()
    (incident,) = incidents(documents)
    done = CliRunner().invoke(app, ["ack", incident.id, "--by", "Ana", "--for", "8h"])
    assert done.exit_code == 0, done.output
    (name,) = inbox.list_blob_names(name_starts_with="acts/")
    assert json.loads(inbox.download_blob(name).readall())["by"] == "Ana"
    settle()
    assert returned(documents) == [1]
    assert len(list(documents.list("reading/"))) == 1
    assert poisoned(storage, INPUTS) == ([], 0)
    assert [one.acknowledged_by for one in incidents(documents)] == ["Ana"]


def test_lifecycle_makes_good_what_a_kill_left_undone_and_ends_what_is_over(
    inbox: ContainerClient,
    settle: Callable[[], None],
    worker: Worker,
    documents: Any,
    ndr: Callable[..., Any],
) -> None:
    """An act whose process died before its effect takes effect with the next tick; one whose time is over ends."""
    inbox.upload_blob("1.eml", bytes(ndr()))
    settle()
    (incident,) = incidents(documents)
    act = Act(
        id="0a1b2c3d",
        kind="resolve",
        at="2098-01-01T00:00:00Z",
        by="Ana",
        incident=incident.id,
        family=incident.family,
        ends=incident.ends,
        text="updated",
    )
    ended = msgspec.structs.replace(
        act, id="1", kind="silence", at="2026-10-20T00:00:00Z", until="2026-10-21T00:00:00Z"
    )
    journal = InboxActs(BlobInbox(inbox))
    journal.add(act)
    journal.add(ended)
    assert Timers(worker).fire("lifecycle")
    (after,) = incidents(documents)
    assert (after.state, after.silenced_until) == ("resolved", None)
    assert [one.kind for one in after.changes] == ["opened", "silenced", "silence-ended", "resolved"]
    assert Timers(worker).fire("lifecycle")
    assert list(incidents(documents)) == [after]


def test_cloud_store_is_rebuilt_with_what_people_did(
    inbox: ContainerClient, settle: Callable[[], None], documents: Any, ndr: Callable[..., Any], tmp_path: Path
) -> None:
    """The container `inbox` alone gives incidents, states and names again."""
    for number in range(3):
        inbox.upload_blob(f"{number}.eml", bytes(ndr(message_id=f"m{number}@contoso.example")))
    settle()
    (incident,) = incidents(documents)
    for command in (["ack", "--by", "Ana"], ["silence", "--for", "2d"], ["resolve", "--reason", "updated"]):
        done = CliRunner().invoke(app, [command[0], incident.id, *command[1:]])
        assert done.exit_code == 0, done.output
    new = str(tmp_path / "new.sqlite")
    done = CliRunner().invoke(app, ["store", "rebuild", "--from", "inbox", "--store", new])
    assert done.exit_code == 0, done.output
    with SqliteDocuments(new) as again:
        (after,) = incidents(again)
        (before,) = incidents(documents)
        assert (after.state, after.counts, after.acknowledged_by) == ("resolved", before.counts, "Ana")
        assert after.silenced_until == before.silenced_until
        assert [(one.kind, one.text) for one in after.changes] == [(one.kind, one.text) for one in before.changes]
        assert len(list(again.list("act/"))) == 3
