"""From a mailbox to incidents: Graph on loopback, a token from azure-identity, the inbox on Azurite, exact counts."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.servers.graph import SHARED, Fault, GraphServer
from tests.servers.regenerated import regenerate
from triage import wiring
from triage.collect.files import unpacked
from triage.collect.inbox import Inbox
from triage.group import SqliteDocuments, incidents
from triage.model import Incident
from triage.model.mark import Mark
from triage.pipeline import take_in, tell
from triage.settings import load_settings

NOTICES = "triage@contoso.example"
NOW = "2026-10-21T08:00:00Z"
BOUNCES = 64
LETTERS = 9


@pytest.fixture
def environment(graph_server: GraphServer, azurite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what Azure sets for the app: settings, its identity, its storage."""
    from azure.storage.blob import BlobServiceClient

    monkeypatch.chdir(tmp_path)
    container = f"inbox-{secrets.token_hex(6)}"
    monkeypatch.setenv("TRIAGE_STORAGE__INBOX", container)
    with BlobServiceClient.from_connection_string(azurite) as service:
        service.create_container(container)
    values = {
        "TriageStorage": azurite,
        "IDENTITY_ENDPOINT": f"{graph_server.origin}/msi/token",
        "IDENTITY_HEADER": graph_server.identity_header,
        "TRIAGE_MAILBOX__ADDRESS": SHARED,
        "TRIAGE_MAILBOX__GRAPH_URL": graph_server.url,
        "TRIAGE_MAILBOX__ALLOW_LOOPBACK": "true",
        "TRIAGE_NOTICES__SENDER": NOTICES,
        "TRIAGE_OURS__DOMAINS": '["contoso.example"]',
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def deliver_all(server: GraphServer, ndr: Callable[..., Any]) -> None:
    """Fill the mailbox: bounces of one fault, people's mail, a bounce of a notice of ours, and the notice itself."""
    for number in range(BOUNCES):
        report = ndr(recipient=f"user{number}@fabrikam.example", message_id=f"m{number}@contoso.example")
        server.deliver(bytes(report), f"2026-10-{18 + number % 3}T09:14:11Z")
    for number in range(LETTERS):
        server.deliver(b"From: eve@contoso.example\r\nSubject: Lunch %d\r\n\r\nAt noon?\r\n" % number)
    fields = Mark(NOTICES).headers("i-1-open")
    lost = ndr(sender=NOTICES, recipient="oncall@contoso.example", message_id=fields["Message-ID"].strip("<>"))
    server.deliver(bytes(lost))
    marked = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    server.deliver(f"From: {NOTICES}\r\nSubject: New fault\r\n{marked}\r\n{ndr().human()}".encode())


def read_all(inbox: Inbox, store: Path) -> list[Incident]:
    """Read everything in the inbox into a store, and give its incidents."""
    parts = wiring.parts_of(load_settings())
    with SqliteDocuments(store) as documents:
        for name in inbox.list():
            file = inbox.open(name)
            assert file is not None
            with file:
                for _ in take_in(unpacked(file.read(), name), documents, parts, NOW):
                    pass
        return list(incidents(documents))


@pytest.mark.needs_node
@pytest.mark.usefixtures("environment")
def test_from_a_mailbox_to_one_incident(graph_server: GraphServer, ndr: Callable[..., Any], tmp_path: Path) -> None:
    """Pages, repeats, a forgotten place, throttling, an expired token, MIME written anew: one incident, exact counts.

    The bounce of our own notice opens none, people's mail stays unread, and all can be built again from the inbox.
    """
    graph_server.rewrite = regenerate
    graph_server.largest_page, graph_server.repeats, graph_server.stale = 10, True, True
    graph_server.faults += [
        Fault(r"delta", 429, headers={"Retry-After": "1"}),
        Fault(r"\$value", 0, after=graph_server.expire_tokens),
        Fault(r"move", 503, headers={"Retry-After": "1"}),
    ]
    deliver_all(graph_server, ndr)
    with capture_logs() as logs:
        wiring.poll_mailbox()
        graph_server.forget_places()
        graph_server.deliver(bytes(ndr(recipient="late@fabrikam.example", message_id="late@contoso.example")))
        wiring.poll_mailbox()
    assert [(one["kept"], one["moved"], one["left"], one["restarted"]) for one in logs] == [
        (BOUNCES + 1, BOUNCES + 1, LETTERS + 1, False),
        (1, 1, 0, True),
    ]
    told = "".join(map(str, logs))
    assert [one for one in ("fabrikam", SHARED, "Offer", *graph_server.tokens) if one in told] == []
    assert graph_server.at_once <= 4
    assert (len(graph_server.mailbox.in_folder("Done")), len(graph_server.mailbox.in_folder("Inbox"))) == (
        BOUNCES + 2,
        LETTERS + 1,
    )
    assert [mail for mail in graph_server.mailbox.in_folder("Inbox") if mail.is_read or mail.moves] == []

    inbox = wiring.inbox_of(load_settings())
    (first,) = read_all(inbox, tmp_path / "store.sqlite")
    assert (first.counts.returned, first.counts.waiting) == (BOUNCES + 1, 0)
    assert first.ends.sending == "hq-ex13a.contoso.example"
    assert read_all(inbox, tmp_path / "store.sqlite") == [first]
    assert read_all(inbox, tmp_path / "built-again.sqlite") == [first]


@pytest.mark.needs_node
@pytest.mark.usefixtures("environment")
def test_a_ticket_that_somebody_forwards_is_other_mail(
    graph_server: GraphServer, ndr: Callable[..., Any], tmp_path: Path
) -> None:
    """A person pastes a ticket into a message to the mailbox: it quotes codes and hosts, and is no report."""
    parts = wiring.parts_of(load_settings())
    with SqliteDocuments(tmp_path / "store.sqlite") as documents:
        for _ in take_in(unpacked(bytes(ndr()), "one.eml"), documents, parts, NOW):
            pass
        ticket = tell(next(incidents(documents)), documents, parts, NOW)["ticket.md"]
    head = (
        "From: eve@contoso.example\r\nSubject: FW: New fault\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        f"Please look.\r\n\r\n-----Original Message-----\r\nFrom: {NOTICES}\r\nSubject: New fault\r\n\r\n"
    )
    graph_server.deliver(head.encode() + ticket)
    with capture_logs() as logs:
        wiring.poll_mailbox()
    assert (logs[0]["kept"], logs[0]["left"]) == (0, 1)


def test_without_a_mailbox_the_timer_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that only takes blobs has the timer too: it says so and asks nobody."""
    monkeypatch.chdir(tmp_path)
    with capture_logs() as logs:
        wiring.poll_mailbox()
    assert [one["event"] for one in logs] == ["mailbox_not_set"]
    assert list(tmp_path.iterdir()) == []
