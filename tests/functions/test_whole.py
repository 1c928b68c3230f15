"""One run through everything: mailbox, drop and post; the indexed functions; Azurite; Teams and a signed webhook.

The Functions worker library invokes each function with the data that the host would send. The storage account is
reached once by a connection string and once as in the cloud: over TLS, with tokens of the managed identity. All counts
below were counted by hand from the messages that `Story` puts in.
"""

import json
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from tests.functions.posting import posted
from tests.servers.graph import SHARED, Fault, GraphServer, Mail
from tests.servers.identity import CLIENT_ID, HEADER, Identity, make_certificate
from tests.servers.regenerated import regenerate
from tests.servers.webhooks import SECRET, SignedReceiver, TeamsReceiver
from triage.cloud.poison import poisoned
from triage.cloud.storage import INPUTS, NOTICES, Storage, decoded, storage_of
from triage.group import BlobDocuments, incidents
from triage.local.azurite import azurite
from triage.local.host import Announcer, Timers, make_containers
from triage.local.queues import QueuePump, queue_rules
from triage.local.worker import Worker
from triage.model.mark import Mark

pytestmark = [pytest.mark.needs_functions, pytest.mark.needs_node]

ROOT = Path(__file__).parents[2]
SENDER = "triage@contoso.example"
SENDING = "hq-ex13a.contoso.example"
FAILED_SESSIONS = 7
STEPS = (
    "+,,", "<,220 fabrikam-example.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready,", f">,EHLO {SENDING},",
    "<,250-fabrikam-example.mail.protection.outlook.com Hello,", "<,250-STARTTLS,", "<,250 CHUNKING,", ">,STARTTLS,",
    "<,220 2.0.0 SMTP server ready,", "*,,TLS negotiation failed with error SocketError", "-,,Remote",
)  # fmt: skip


class Watched(GraphServer):
    """A Graph that looks, whenever a message is moved, whether what it gave of it lies in the inbox by then."""

    def __init__(self) -> None:
        super().__init__()
        self.given: defaultdict[bytes, set[str]] = defaultdict(set)
        self.kept: Callable[[str], bool] = lambda _: False
        self.moved_before_kept: list[str] = []
        self.rewrite = self._rewritten

    def _rewritten(self, mime: bytes, reading: int) -> bytes:
        """Give a report as Exchange writes it anew, without its delivery-status part; other mail as it is."""
        made = regenerate(mime, reading) if b"report-type=delivery-status" in mime.partition(b"\r\n\r\n")[0] else mime
        self.given[mime].add(sha256(made).hexdigest())
        return made

    def shift(self, mail: Mail, folder: str) -> None:
        """Move a message, and note where it was not kept."""
        if not any(map(self.kept, self.given[mail.mime])):
            self.moved_before_kept.append(mail.id)
        super().shift(mail, folder)


@pytest.fixture
def graph() -> Iterator[Watched]:
    """Give a Graph whose service is at its worst: small pages, repeats, stale rows, throttling, a token that expires."""
    server = Watched()
    server.largest_page, server.repeats, server.stale = 10, True, True
    server.faults += [
        Fault(r"delta", 429, headers={"Retry-After": "1"}),
        Fault(r"\$value", 0, after=server.expire_tokens),
        Fault(r"/move", 503, headers={"Retry-After": "1"}),
    ]
    server.start()
    yield server
    server.stop()


@pytest.fixture
def sinks() -> Iterator[tuple[TeamsReceiver, SignedReceiver]]:
    """Give a workflow of Teams and a program that verifies signatures."""
    with TeamsReceiver() as teams, SignedReceiver() as webhook:
        yield teams, webhook


@pytest.fixture
def identity(graph: Watched, monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    """Give the platform's identity endpoint: it has tokens for Graph, and for the storage account."""
    endpoint = Identity()
    endpoint.others[graph.origin] = graph.token
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{endpoint.server.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", HEADER)
    yield endpoint
    endpoint.server.stop()


@pytest.fixture(params=["connection string", "managed identity"])
def account(
    request: pytest.FixtureRequest, identity: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Storage]:
    """Give an account with its two containers, as the environment names it; the managed identity's has no key."""
    if request.param == "connection string":
        yield request.getfixturevalue("storage")
        return
    monkeypatch.chdir(tmp_path)
    certificate, key = map(str, make_certificate(tmp_path))
    tls = ("--oauth", "basic", "--cert", certificate, "--key", key)
    with azurite(ROOT / "node_modules" / ".bin" / "azurite", accounts=["secure"], options=tls) as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
        monkeypatch.setenv("TriageStorage__blobServiceUri", f"{running.blobs}/secure")
        monkeypatch.setenv("TriageStorage__queueServiceUri", f"{running.queues}/secure")
        monkeypatch.setenv("TriageStorage__credential", "managedidentity")
        monkeypatch.setenv("TriageStorage__clientId", CLIENT_ID)
        made = storage_of()
        make_containers(made)
        yield made
    assert {tuple(one["client_id"]) for one in identity.asked} == {(CLIENT_ID,)}


@pytest.fixture
def app(
    account: Storage, graph: Watched, sinks: tuple[TeamsReceiver, SignedReceiver], worker: Worker, monkeypatch: Any
) -> Iterator["App"]:
    """Give the app with the settings that a deployment gives it."""
    teams, webhook = sinks
    values = {
        "TRIAGE_MAILBOX__ADDRESS": SHARED,
        "TRIAGE_MAILBOX__GRAPH_URL": graph.url,
        "TRIAGE_MAILBOX__ALLOW_LOOPBACK": "true",
        "TRIAGE_NOTICES__SENDER": SENDER,
        "TRIAGE_OURS__DOMAINS": '["contoso.example"]',
        "TRIAGE_SINKS__ALLOW_LOOPBACK": "true",
        "TRIAGE_SINKS__TEAMS__URL": teams.url,
        "TRIAGE_SINKS__WEBHOOK__URL": webhook.url,
        "TRIAGE_SINKS__WEBHOOK__SECRET": SECRET,
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    made = App(worker, account)
    graph.kept = made.has_kept
    yield made
    made.pump.close()


class App:
    """The app, with what the platform does around it."""

    def __init__(self, worker: Worker, storage: Storage) -> None:
        self.worker, self.storage = worker, storage
        self.timers, self.announcer = Timers(worker), Announcer(storage)
        self.pump = QueuePump(worker, storage, queue_rules(ROOT))
        self.pump.make_queues()
        self.inbox = storage.blobs.get_container_client("inbox")
        self.documents = BlobDocuments(storage.blobs.get_container_client("store"))

    def has_kept(self, digest: str) -> bool:
        """Tell whether a message lies in the inbox: its name there ends with the digest of its bytes."""
        return any(name.endswith(f"/{digest}.eml") for name in self.inbox.list_blob_names(name_starts_with="mailbox/"))

    def fire(self, timer: str) -> None:
        """Let a timer run out."""
        assert self.timers.fire(timer), timer

    def work(self) -> None:
        """Hand out messages until both queues are empty."""
        while self.pump.turn():
            pass
        assert [poisoned(self.storage, queue) for queue in (INPUTS, NOTICES)] == [([], 0), ([], 0)]

    def kicks(self) -> list[str]:
        """Give the incidents that the queue of notices names."""
        found = self.storage.queue(NOTICES).peek_messages(32)
        return sorted(json.loads(decoded(one.content))["incident"] for one in found)

    def rounds(self) -> None:
        """Poll, read, count, tell, and sweep."""
        self.fire("poll")
        self.announcer.turn()
        self.work()
        self.fire("commit")
        self.work()
        self.fire("relay_sweep")

    def kept_state(self) -> dict[str, str]:
        """Give the tag of each document that holds incidents or what inputs said: it changes with every write."""
        kinds = ("incident/", "input/", "names/", "reading/", "uncounted/")
        return {one.key: one.tag for one in self.documents.list("") if one.key.startswith(kinds)}

    def counts(self) -> dict[tuple[str | None, str | None], tuple[int, int, int]]:
        """Give returned, waiting and sessions of each incident, by its two ends."""
        return {
            (one.ends.sending, one.ends.receiving): (one.counts.returned, one.counts.waiting, one.counts.sessions)
            for one in incidents(self.documents)
        }


class Story:
    """What comes in, and what must come of it."""

    def __init__(self, graph: Watched, ndr: Callable[..., Any]) -> None:
        self.graph, self.ndr = graph, ndr
        self.ours: list[Mail] = []
        self.others: list[Mail] = []

    def deliver(self) -> None:
        """Fill the mailbox: 17 messages that are ours, 11 that are not."""
        bounces = [bytes(self._lost(number)) for number in range(12)]  # twelve messages, returned
        again = [self._lost(0).attached(), self._lost(1).pasted()]  # two of them, told of by people
        delay = {"action": "delayed", "status": "4.4.7", "diagnostic": None, "final_line": "400 4.4.7 Message delayed"}
        late = [bytes(self._lost(number, **delay)) for number in (2, 20)]  # one was returned later, one still waits
        notice = Mark(SENDER).headers("i-1-open")
        own = self.ndr(sender=SENDER, recipient="oncall@contoso.example", message_id=notice["Message-ID"].strip("<>"))
        marked = "".join(f"{name}: {value}\r\n" for name, value in notice.items())
        for number, mime in enumerate([*bounces, *again, *late, bytes(own)]):
            self.ours.append(self.graph.deliver(mime, f"2026-10-{18 + number % 3}T09:14:11Z"))
        letters = [b"From: eve@contoso.example\r\nSubject: Lunch %d\r\n\r\nAt noon?\r\n" % day for day in range(9)]
        away = b"From: eve@contoso.example\r\nSubject: Away\r\nAuto-Submitted: auto-replied\r\n\r\nBack on Monday.\r\n"
        told = f"From: {SENDER}\r\nSubject: New fault\r\n{marked}\r\nHQ-EX13A lost the connection.\r\n".encode()
        self.others = [self.graph.deliver(mime) for mime in (*letters, away, told)]

    def deliver_more(self) -> None:
        """Deliver three messages to addresses that do not exist at another organisation."""
        for number in range(3):
            unknown = f"550 5.1.1 <nobody{number}@adatum.example>: Recipient address rejected: User unknown"
            report = self.ndr(
                receiving="mx.adatum.example",
                receiving_ip="198.51.100.7",
                recipient=f"nobody{number}@adatum.example",
                message_id=f"wrong{number}@contoso.example",
                status="5.1.1",
                diagnostic=f"smtp;{unknown}",
                final_line=unknown,
                cause=None,
                remote_mta="mx.adatum.example",
            )
            self.ours.append(self.graph.deliver(bytes(report), "2026-10-20T10:00:00Z"))

    def archive(self) -> bytes:
        """Give an archive of two more messages that were returned, and one that was told of before."""
        file = BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for number in (30, 31, 5):
                archive.writestr(f"{number}.eml", bytes(self._lost(number)))
        return file.getvalue()

    def log(self) -> bytes:
        """Give a Send log of seven sessions whose handshakes fail."""
        fields = "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context"
        rows = ["#Software: Microsoft Exchange Server", "#Version: 15.0.0.0", "#Log-type: SMTP Send Protocol Log"]
        rows += ["#Date: 2026-10-20T09:04:00.000Z", f"#Fields: {fields}"]
        rows += [
            f"2026-10-20T09:{4 + session:02}:0{step}.000Z,Outbound,08D92C6B{session:08X},{step},192.0.2.10:16501,"
            f"203.0.113.25:25,{said}"
            for session in range(FAILED_SESSIONS)
            for step, said in enumerate(STEPS)
        ]
        return ("\r\n".join(rows) + "\r\n").encode()

    def check_mailbox(self) -> None:
        """Ours are in Done, each moved only when it was kept; all other mail is as it came."""
        graph = self.graph
        assert sorted(one.id for one in graph.mailbox.in_folder("Done")) == sorted(one.id for one in self.ours)
        assert graph.moved_before_kept == []
        assert [(one.folder, one.moves, one.is_read) for one in self.others] == [("f-inbox", 0, False)] * 11
        assert [one.is_read for one in self.ours] == [False] * len(self.ours)
        assert graph.asked("^(PATCH|DELETE|PUT) ") == 0
        assert graph.asked("^POST ") == graph.asked("^POST .*(/move|/mailFolders)$")
        assert (graph.without_id_type, graph.at_once <= 4) == (0, True)

    def _lost(self, number: int, **changes: Any) -> Any:
        to = {"recipient": f"user{number}@fabrikam.example", "message_id": f"m{number}@contoso.example"}
        return self.ndr(**{**to, **changes})


FAULT = (SENDING, "exchange-online")
WRONG = (None, "adatum.example")


def told(webhook: SignedReceiver) -> list[tuple[str, list[str]]]:
    """Give the type of each message that was verified and acted upon, with the kinds of its changes."""
    return [(one["type"], [change["kind"] for change in one["data"]["changes"]]) for one in webhook.acted.values()]


def event_grid(storage: Storage, name: str, number: int) -> str:
    """Give an event as Event Grid's documents show it ("Azure Blob Storage as an Event Grid source")."""
    topic = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/mail/providers/Microsoft.Storage"
    return json.dumps(
        {
            "topic": f"{topic}/storageAccounts/contosotriage",
            "subject": f"/blobServices/default/containers/inbox/blobs/{name}",
            "eventType": "Microsoft.Storage.BlobCreated",
            "eventTime": "2026-10-20T10:00:00.1234567Z",
            "id": f"831e1650-001e-001b-66ab-{number:012}",
            "data": {
                "api": "PutBlob",
                "clientRequestId": "6d79dbfb-0e37-4fc4-981f-442c9ca65760",
                "requestId": "831e1650-001e-001b-66ab-eeb76e000000",
                "eTag": '"0x8D4BCC2E4835CD0"',
                "contentType": "application/octet-stream",
                "contentLength": 524_288,
                "blobType": "BlockBlob",
                "url": f"{storage.blobs.url.rstrip('/')}/inbox/{quote(name)}",
                "sequencer": "00000000000004420000000000028963",
                "storageDiagnostics": {"batchId": "b68529f3-68cd-4744-baa4-3c0498ec19f0"},
            },
            "dataVersion": "",
            "metadataVersion": "1",
        }
    )


def test_from_every_door_to_every_sink_and_a_second_time(
    app: App, graph: Watched, sinks: tuple[TeamsReceiver, SignedReceiver], ndr: Callable[..., Any]
) -> None:
    """Exact incidents, one card and one signed message for each change; a second round of everything changes nothing."""
    teams, webhook = sinks
    story = Story(graph, ndr)

    # The mailbox alone, with its service at its worst.
    story.deliver()
    app.rounds()
    story.check_mailbox()
    assert len(list(app.inbox.list_blob_names())) == 17
    assert app.counts() == {FAULT: (12, 1, 0)}
    assert told(webhook) == [("incident.opened", ["opened", "grew"])]
    assert len(teams.taken) == 1

    # The service forgets the place; three more messages are of another fault. The kick is lost, and the sweep tells it.
    graph.forget_places()
    story.deliver_more()
    app.fire("poll")
    story.check_mailbox()
    app.announcer.turn()
    app.work()
    app.fire("commit")
    assert len(app.kicks()) == 1
    app.storage.queue(NOTICES).clear_messages()
    app.fire("relay_sweep")
    assert app.counts() == {FAULT: (12, 1, 0), WRONG: (3, 0, 0)}
    assert told(webhook)[1:] == [("incident.opened", ["opened"])]
    assert len(teams.taken) == 2

    # A log is posted and an archive dropped: the first fault's verdict changes.
    status, _, body = posted(app.worker, "upload", story.log(), name="SEND20261020-1.LOG")
    assert (status, json.loads(body)["new"]) == (202, True)
    app.inbox.upload_blob("drop/more reports.zip", story.archive())
    app.rounds()
    assert app.counts() == {FAULT: (14, 1, FAILED_SESSIONS), WRONG: (3, 0, 0)}
    assert told(webhook)[2:] == [("incident.verdict_changed", ["verdict-changed"])]
    assert len(teams.taken) == 3
    check_sinks(teams, webhook)

    state, heard = app.kept_state(), (len(teams.taken), len(webhook.taken))
    again(app, graph, story)
    assert (app.kept_state(), (len(teams.taken), len(webhook.taken))) == (state, heard)


def check_sinks(teams: TeamsReceiver, webhook: SignedReceiver) -> None:
    """Whatever was posted was signed, under an id of its own, and shown once."""
    assert webhook.ids() == list(webhook.acted)
    assert set(teams.shown().values()) == {1}


def again(app: App, graph: Watched, story: Story) -> None:
    """Let everything come a second time: the list of changes, a message moved back, the post, all events, all ticks."""
    graph.forget_places(400)
    app.fire("poll")
    for one in (*story.ours, *story.others):  # the service tells of each of them once more, as if it were there
        graph.mailbox.changes.append(("f-inbox", one.id))
    graph.shift(story.ours[4], "f-inbox")  # somebody moves a message back
    with capture_logs() as logs:
        app.fire("poll")
    (polled,) = [one for one in logs if one["event"] == "mailbox_polled"]
    assert (polled["kept"], polled["left"], polled["failed"]) == (0, 0, [])
    story.check_mailbox()
    status, _, body = posted(app.worker, "upload", story.log(), name="SEND20261020-1.LOG")
    assert (status, json.loads(body)["new"]) == (202, False)
    names = list(app.inbox.list_blob_names())
    assert len(names) == 17 + 3 + 2
    for number, name in enumerate([*reversed(names), *names]):
        app.storage.send(INPUTS, event_grid(app.storage, name, number))
    app.work()
    for read in list(app.documents.list("reading/")):  # as after a kill between the count and the end of its note
        app.documents.put(f"uncounted/{read.key.removeprefix('reading/')}", b"", None)
    for timer in ("commit", "relay_sweep"):
        app.fire(timer)
        assert app.kicks() == []
    app.work()
