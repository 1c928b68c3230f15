"""Each row of the support case, from its bytes to a ticket in five systems and to the ticket's end.

Reports, queues and logs go the whole way: read, counted, told over real HTTP and SMTP. What is asserted is what the
systems were sent, in the form in which people read it there.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.seed.conftest import item, to_cloud
from tests.seed.readable import of_document, of_html, of_mail, of_markdown, squeezed
from tests.seed.test_sources import BROKEN, HANDED, POD, RECEIVED, REFUSED, REFUSING, log, receiving
from tests.seed.test_tickets import CARRIES
from tests.servers.azure_devops import AzureDevOpsServer
from tests.servers.github import GitHubServer
from tests.servers.jira import JiraServer
from tests.servers.servicenow import ServiceNowServer
from tests.servers.smarthost import SmartHost
from tests.servers.tickets import PERSON, Fault, Ticket, TicketServer, says
from tests.test_relay import ROOT
from triage.group import SqliteDocuments, incidents, notices_of
from triage.model import Incident, Notice
from triage.notify import open_sinks
from triage.pipeline import relay, settle, take_in
from triage.settings import Settings
from triage.wiring import parts_of

SYSTEMS: list[type[Any]] = [ServiceNowServer, JiraServer, AzureDevOpsServer, GitHubServer]
NAMES = [system.sink for system in SYSTEMS]
EXAMPLES = ROOT / "examples"
SPOKEN = (
    '*,,"TLS protocol SP_PROT_TLS1_2_SERVER negotiation succeeded using bulk encryption algorithm CALG_AES_256 with '
    "strength 256 bits, MAC hash algorithm CALG_SHA_384 with strength 0 bits and key exchange algorithm "
    'CALG_ECDH_EPHEM with strength 384 bits"'
)
TAKEN = receiving("<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", SPOKEN, f"<,EHLO {POD},", ">,250 SIZE,", *RECEIVED)
LATER = "2026-10-24T10:02:00"


@dataclass(frozen=True)
class Server:
    """A server of ours, and the logs that it would write once it is mended."""

    name: str
    ip: str

    def sends(self) -> bytes:
        """Give a Send log of a later day: three sessions over TLS 1.2 that hand mail over to Exchange Online."""
        return self._renamed(log("Send", [HANDED] * 3, start=LATER, local=f"{self.ip}:16601"))

    def takes(self) -> bytes:
        """Give a Receive log of a later day: Exchange Online delivers three times over TLS 1.2."""
        short = self.name.partition(".")[0].upper()
        ends = {"local": f"{self.ip}:25", "remote": "40.107.22.52:40211", "connector": rf"{short}\Default {short}"}
        return self._renamed(log("Receive", [TAKEN] * 3, start=LATER, **ends))

    def _renamed(self, content: bytes) -> bytes:
        return content.replace(b"hq-ex13a.contoso.example", self.name.encode())


HQ10 = Server("hq-ex10a.contoso.example", "192.0.2.10")
HQ10M = Server("hq-ex10m.contoso.example", "192.0.2.11")
HQ13 = Server("hq-ex13a.contoso.example", "192.0.2.10")
MAIL = Server("mail.contoso.example", "198.51.100.25")


@dataclass(frozen=True)
class Row:
    """One row: its bytes, the host at fault, which way the mail goes, and how sure its evidence makes."""

    content: bytes
    server: Server
    sends: bool
    sure: str

    @property
    def mended(self) -> bytes:
        """Give the log that shows the fault mended."""
        return self.server.sends() if self.sends else self.server.takes()

    @property
    def other_direction(self) -> bytes:
        """Give a log of successes that shows nothing of this fault."""
        return self.server.takes() if self.sends else self.server.sends()


def example(name: str) -> bytes:
    """Give the bytes of an example."""
    return (EXAMPLES / name).read_bytes()


ROWS = {
    "1, our server to Exchange Online": Row(example("mailbox/01-returned.eml"), HQ10, True, "Probable"),
    "1, Exchange Online to our server": Row(example("mirror/returned.eml"), HQ10M, False, "Possible"),
    "2, our server to Exchange Online": Row(example("queues/01-get-queue-list.txt"), HQ10, True, "Possible"),
    "3, our server to Exchange Online": Row(example("logs/hq-ex10a/SEND20261018-1.LOG"), HQ10, True, "Probable"),
    "3, Exchange Online to our server": Row(example("mirror/RECV20261018-1.LOG"), HQ10M, False, "Probable"),
    "4, our server to Exchange Online, Send log": Row(log("Send", [REFUSED] * 3), HQ13, True, "Certain"),
    "4, Exchange Online to our server, Receive log": Row(
        log("Receive", [REFUSING] * 3, remote="40.107.22.52:40211"), HQ13, False, "Certain"
    ),
    "4, Exchange Online to our server, NDR": Row(example("mailbox/08-starttls-missing.eml"), MAIL, False, "Certain"),
}


class Office:
    """A store with all five sinks, and what their systems were sent."""

    def __init__(self, folder: Path, servers: list[TicketServer], post: SmartHost, row: Row, **more: Any) -> None:
        own = {name: table for server in servers for name, table in server.settings().items()}
        for name, table in more.items():
            own[name] |= table
        mail = {"host": "127.0.0.1", "port": post.port, "security": "none", "to": ("ops@contoso.example",)}
        settings = Settings(
            ours={"domains": ["contoso.example"], "names": [[row.server.name, row.server.ip]]},
            notices={"sender": "triage@contoso.example"},
            sinks={"allow_loopback": True, "mail": mail, **own},
            routing=({"sinks": (*NAMES, "mail")},),
        )
        self.servers, self.post, self.row = {server.sink: server for server in servers}, post, row
        self._parts, self._sinks = parts_of(settings), open_sinks(settings.sinks)
        self._day = 22
        self.documents = SqliteDocuments(folder / "store.sqlite")

    def read(self, content: bytes) -> Incident:
        """Take a document in on the next day, from the 23rd on, and tell what is to be told; give the one incident."""
        self._day += 1
        now = f"2026-10-{self._day}T12:00:00Z"
        list(take_in([item(content)], self.documents, self._parts, now))
        settle(self.documents, self._parts, now)
        relay(self.documents, self._parts, self._sinks, lambda: now)
        # The examples hold sessions with others too; the support case is the hop to or from Exchange Online.
        (found,) = [
            one for one in incidents(self.documents) if "exchange-online" in (one.ends.sending, one.ends.receiving)
        ]
        return found

    def pending(self) -> list[Notice]:
        """Give what is not told."""
        return [one for _, one in notices_of(self.documents) if isinstance(one, Notice)]

    def ticket(self, name: str) -> Ticket:
        """Give the one ticket in a system."""
        return self.servers[name].only()

    def as_read(self, name: str) -> dict[str, str]:
        """Give what a person reads of the ticket, by its form: title first. Parts that follow belong to it."""
        if name == "mail":
            subject, plain, page = of_mail(self.post.taken[0][2])
            return {"plain": f"{subject}\n{plain}", "HTML": f"{subject}\n{page}"}
        ticket = self.ticket(name)
        sources = {
            "servicenow": lambda: ticket.body,
            "jira": lambda: of_document(ticket.fields["description"]),
            "azure_devops": lambda: of_html(ticket.body),
            "github": lambda: of_markdown(ticket.body),
        }
        return {name: "\n".join([ticket.title, sources[name](), *reversed(ticket.texts())])}

    def news(self, name: str) -> str:
        """Give what came after the ticket's own text: comments as their server keeps them, or the last mail's text."""
        if name == "mail":
            return of_mail(self.post.taken[-1][2])[1]
        said = [text for text in self.ticket(name).texts() if "/opened:1/" not in text]
        return "\n".join(of_html(text) if name == "azure_devops" else text for text in said)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Callable[..., Office]]:
    """Give what opens an office for a row, with five systems on loopback."""
    with ExitStack() as stack:

        def give(row: str, **more: Any) -> Office:
            servers = [stack.enter_context(system()) for system in SYSTEMS]
            made = Office(tmp_path, servers, stack.enter_context(SmartHost()), ROWS[row], **more)
            stack.callback(made.documents.close)
            return made

        yield give


def check(text: str, row: Row) -> None:
    """Hold a ticket, as a person reads it, against the support case."""
    first, told = squeezed(text[:700]), squeezed(text)
    title = text.partition("\n")[0]
    assert row.server.name.partition(".")[0].lower() in title.lower()
    assert "Exchange Online" in title
    assert re.search(rf"{row.sure}\b.{{0,60}} · ours · mail team", first)
    assert "First:" in first
    assert [what for what, wanted in CARRIES.items() if squeezed(wanted) not in told] == []
    side = ("Set-SendConnector", "SmtpSend") if row.sends else ("Set-ReceiveConnector", "SmtpReceive")
    assert [what for what in side if what not in told] == []
    assert re.search(r"key (is|was) changed[^.]{0,20}, restart the server", told)
    assert "Cut here" not in told


@pytest.mark.parametrize("row", ROWS)
def test_each_row_becomes_a_ticket_in_each_system(office: Callable[..., Office], row: str) -> None:
    """From the row's bytes to five tickets, each of which carries all that the support case asks for."""
    made = office(row)
    incident = made.read(ROWS[row].content)
    assert made.pending() == []
    for name in (*NAMES, "mail"):
        for text in made.as_read(name).values():
            check(text, ROWS[row])
            assert incident.id in text


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1, our server to Exchange Online", "In the words of the report that hq-ex10a.contoso.example wrote"),
        ("2, our server to Exchange Online", "In the queue of hq-ex10a"),
        ("3, Exchange Online to our server", "In the protocol log of hq-ex10m.contoso.example"),
    ],
)
def test_a_ticket_says_what_its_words_are_taken_from(office: Callable[..., Office], row: str, words: str) -> None:
    """A report, a queue or a log: only of a report it is asked how far it can be believed."""
    made = office(row)
    made.read(ROWS[row].content)
    text = made.as_read("github")["github"]
    assert words in text
    assert ("How far the report can be believed" in text) == row.startswith("1")


@pytest.mark.parametrize(
    ("row", "command"),
    [
        ("4, our server to Exchange Online, Send log", "Set-SendConnector '<connector>' -IgnoreSTARTTLS $false"),
        ("4, Exchange Online to our server, Receive log", '-AuthMechanism "$($c.AuthMechanism), Tls"'),
    ],
)
def test_a_setting_that_keeps_tls_away_is_checked_and_changed(
    office: Callable[..., Office], row: str, command: str
) -> None:
    """What the check can find on the connector has a step that mends it."""
    made = office(row)
    made.read(ROWS[row].content)
    assert command in made.as_read("servicenow")["servicenow"]


@pytest.mark.parametrize("row", ROWS)
def test_what_the_check_may_find_has_an_answer(office: Callable[..., Office], row: str) -> None:
    """TLS 1.2 found off: the ticket says to set both values in both keys on every server, and to restart, or why not."""
    made = office(row)
    made.read(ROWS[row].content)
    told = squeezed(made.as_read("github")["github"])
    assert re.search(
        r"set both values of the check in Client and in Server, [^.]*every Exchange server, and restart each", told
    )
    is_too_old = row == "1, our server to Exchange Online"  # its update comes first, and says so itself
    assert told.count("Not printed here") == (1 if is_too_old else 2)


@pytest.mark.parametrize("row", ROWS)
def test_fields_of_four_thousand_characters_lose_nothing(office: Callable[..., Office], row: str) -> None:
    """An instance of ServiceNow that enforces its dictionary: description and work notes together carry all of it."""
    made = office(row, servicenow={"text_limit": 4_000})
    server = made.servers["servicenow"]
    assert isinstance(server, ServiceNowServer)
    server.enforces = 4_000
    made.read(ROWS[row].content)
    ticket = made.ticket("servicenow")
    assert len(ticket.comments) >= 2
    assert all(len(text) <= 4_000 for text in [ticket.body, *ticket.texts()])
    check(made.as_read("servicenow")["servicenow"], ROWS[row])


@pytest.mark.parametrize("row", ROWS)
def test_what_was_mended_closes_itself(office: Callable[..., Office], row: str) -> None:
    """A later log of sessions over TLS 1.2 on the same hop: each system is told so, once, and closes its ticket."""
    made = office(row)
    assert made.read(ROWS[row].content).state == "open"
    over = made.read(ROWS[row].mended)
    assert over.state == "resolved"
    assert made.pending() == []
    for name in NAMES:
        ticket = made.ticket(name)
        (said,) = ticket.texts()
        assert "TLS 1.2" in said
        assert "24 Oct" in said
        assert "mail team" not in said
        assert ("can be sent again now" in said) == (over.counts.returned > 0)
        assert ("goes out by itself" in said) == (over.counts.waiting > 0)
        assert made.servers[name].is_done(ticket)
    assert len(made.post.taken) == 2
    subject, plain, _ = of_mail(made.post.taken[1][2])
    assert subject.startswith("Re: ")
    assert "TLS 1.2" in plain


@pytest.mark.parametrize("row", ROWS)
def test_success_in_the_other_direction_closes_nothing(office: Callable[..., Office], row: str) -> None:
    """The same server speaks TLS 1.2 the other way round: nobody is told that the fault is over, and nothing closes."""
    made = office(row)
    made.read(ROWS[row].content)
    assert made.read(ROWS[row].other_direction).state == "open"
    for name in NAMES:
        ticket = made.ticket(name)
        assert not made.servers[name].is_done(ticket)
        assert not [text for text in ticket.texts() if "closed" in text or "Mail flows" in text]


@pytest.mark.parametrize("row", ROWS)
def test_a_ticket_that_somebody_took_over_stays_theirs(office: Callable[..., Office], row: str) -> None:
    """Somebody wrote in it, and the fault is mended: they are told that mail flows again, and close it themselves."""
    made = office(row)
    made.read(ROWS[row].content)
    for name in NAMES:
        made.ticket(name).comments.append((PERSON, "I have the change window at noon."))
    made.read(ROWS[row].mended)
    assert made.pending() == []
    for name in NAMES:
        ticket = made.ticket(name)
        assert not made.servers[name].is_done(ticket)
        assert len(ticket.comments) == 2
        assert "Mail flows again" in ticket.texts()[-1]


def test_a_surer_verdict_brings_its_steps_into_the_ticket(office: Callable[..., Office]) -> None:
    """Opened on a bounce, when nothing may be changed yet; then a log makes it probable: the steps for it follow in each."""
    made = office("4, our server to Exchange Online, Send log", servicenow={"text_limit": 4_000})
    assert made.read(bytes(to_cloud(build="15.0.1497.2"))).verdict.confidence == "possible"
    for name in (*NAMES, "mail"):
        assert "Set the TLS 1.2 and .NET values" not in "".join(made.as_read(name).values())
    assert made.read(log("Send", [BROKEN] * 57)).verdict.confidence == "probable"
    assert made.pending() == []
    for name in (*NAMES, "mail"):
        news = made.news(name)
        assert "These take the place of the earlier ones" in news
        assert "Set the TLS 1.2 and .NET values on hq-ex13a.contoso.example" in news
        assert "tls12-hq-ex13a.contoso.example.reg" in news
        assert "--out FOLDER" in news
        assert "attached file" not in news
        assert "Restart hq-ex13a.contoso.example" in news
        assert "Route this mail through a relay" in news
        assert "57 of 57 sessions" in news.partition("Next word")[0]
        assert "Cut here" not in news
        assert "characters cut" not in news


def test_steps_in_parts_are_said_once(office: Callable[..., Office]) -> None:
    """ServiceNow fails at the second part of the news: the next try goes on, and each part is there once."""
    made = office("4, our server to Exchange Online, Send log", servicenow={"text_limit": 4_000})
    made.read(bytes(to_cloud(build="15.0.1497.2")))
    server = made.servers["servicenow"]
    before = len(made.ticket("servicenow").texts())
    server.faults.append(Fault("PATCH", "", says(503), is_done=True))
    made.read(log("Send", [BROKEN] * 57))
    assert len(made.pending()) > 0
    made.read(log("Send", [BROKEN] * 57))
    assert made.pending() == []
    marks = [text.rpartition("bounce-triage: ")[2] for text in made.ticket("servicenow").texts()[before:]]
    assert len(marks) == len(set(marks)) > 2
