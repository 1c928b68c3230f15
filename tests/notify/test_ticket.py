"""The ticket: every section in its order, in Markdown and HTML, and nothing of a message but its words."""

import re
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from markdown_it import MarkdownIt

from triage.model import Affected, Counts, Diagnosis, Ends, Evidence, FilledRunbook, Incident, Link, Responsible
from triage.notify import Texts, ticket_html, ticket_markdown

SECTIONS = [
    "What happens",
    "Way round it",
    "Who is hit",
    "Verdict",
    "Do this",
    "Before you touch the registry",
    "Afterwards",
    "Raw facts",
    "Further reading",
]
VOID = {"meta", "br", "hr", "img", "link", "input"}
HOSTILE = {
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg/onload=alert(1)>",
    "markdown": "[x](https://evil.example) ![y](https://evil.example/p) <https://evil.example> **b** `c` ~~s~~",
    "blocks": "\n# Heading\n\n- item\n\n```\ncode\n\n| a | b |\n| - | - |\n\n---\n",
    "template": "{{ 7 * 7 }}{% for x in y %}${z}",
    "controls": "a\x1b[31mb\x00c\u202egnp.exe\u2066\ud800",
    "right-to-left": "\u05d0\u05d1\u05d2 \u0645\u0631\u062d\u0628\u0627",
    "large": "y" * 1_000_000,
}

Write = Callable[..., str]


class Page(HTMLParser):
    """Collects what a page holds, and fails where an element is not closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.headings: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and its attributes."""
        self.tags.append(tag)
        self.attributes += attrs
        self.headings += [""] if tag in ("h1", "h2") else []
        self._open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect the text that a reader sees."""
        if self._open and self._open[-1] in ("h1", "h2"):
            self.headings[-1] += data
        self.text += "" if "style" in self._open else data


def from_markdown(text: str) -> Page:
    """Render a ticket as a ticket system would, with raw HTML let through."""
    return Page(str(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)))


@pytest.fixture
def both(
    make_incident: Callable[..., Incident],
    runbook: FilledRunbook,
    affected: tuple[Affected, ...],
    texts: Texts,
    now: str,
) -> Callable[..., tuple[Page, Page]]:
    """Give a function that writes a ticket both ways and reads both pages."""

    def write(
        incident: Incident | None = None,
        book: FilledRunbook = runbook,
        hit: Sequence[Affected] = affected,
        redact: bool = False,
    ) -> tuple[Page, Page]:
        told = incident or make_incident()
        markdown = ticket_markdown(told, book, hit, texts, redact=redact, now=now)
        return from_markdown(markdown), Page(ticket_html(told, book, hit, texts, redact=redact, now=now))

    return write


def test_a_ticket_has_its_sections_in_order(both: Callable[..., tuple[Page, Page]]) -> None:
    """The card's first line is the title; then what, way round, who, verdict, steps, registry, after, facts, links."""
    for page in both():
        assert page.headings == ["HQ-EX10A cannot agree on a TLS version with Exchange Online", *SECTIONS]


@pytest.mark.parametrize(
    "words",
    [
        "Certain · ours · mail team acts",
        "First loss of waiting mail: 20 Oct 09:14 UTC.",
        "421 4.4.2 Connection dropped due to SocketError",
        "In the words of the report that hq-ex10a.contoso.example wrote",
        "Point the connector at a smart host that speaks TLS 1.2.",
        "do not resend: tried until 20 Oct 09:14 UTC",
        "57 of 57 handshakes failed right after STARTTLS",
        "nothing so far",
        "Possible: dropped connection",
        "Read the TLS 1.2 keys",
        r"HKLM:\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2\Client",
        "60 minutes",
        "restart needed",
        "Delete the values.",
        "SourceTransportServers",
        "Is this machine the real sender?",
        "Do not turn off TLS 1.0 in this ticket.",
        "No cipher change: the default list fits.",
        "tls12-hq-ex10a.contoso.example.reg",
        "Waiting mail: do not send it again.",
        "This ticket closes by itself when HQ-EX10A has handed mail over to Exchange Online with TLS",
        "550 5.4.300 Message expired",
        "Exchange 2010 14.3.123.4",
        "hq-ex10a.contoso.example [192.0.2.10]",
        "1.0, handshake, SocketError",
        "anna.b@fabrikam.example",
        "m1@contoso.example",
        "TLS guidance, part 1",
        "inc-2026-0001",
    ],
)
def test_a_ticket_holds_what_is_needed(words: str, both: Callable[..., tuple[Page, Page]]) -> None:
    """Both forms say the same."""
    for page in both():
        assert words in page.text


def test_steps_are_numbered_through(both: Callable[..., tuple[Page, Page]]) -> None:
    """Check, change, verify and undo share one numbering, so that people can speak of step 3."""
    for page in both():
        assert re.findall(r"Step ([0-9]+)", page.text) == ["1", "2", "3", "4", "5", "6"]


def test_the_page_loads_and_runs_nothing(
    make_incident: Callable[..., Incident], runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """No script, no frame, no picture, no style or font from elsewhere; the policy forbids them besides."""
    text = ticket_html(make_incident(), runbook, (), texts, now=now)
    page = Page(text)
    assert not {"script", "iframe", "img", "link", "object", "form", "svg", "base"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "srcset", "style")]
    assert all(str(value).startswith(("https://", "#")) for name, value in page.attributes if name == "href")
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_words_stay_words(
    text: str, make_incident: Callable[..., Incident], both: Callable[..., tuple[Page, Page]], runbook: FilledRunbook
) -> None:
    """In every field of the incident, the messages and the titles: no element, heading or link comes of it."""
    incident = spoilt(make_incident(), text)
    hit = [spoilt(Affected(state="waiting", recipient="x", subject="x", tried_until="x", time="x"), text)] * 3
    book = msgspec.structs.replace(
        runbook, first=text, host=text, withheld=(text,), check=(msgspec.structs.replace(runbook.check[0], title=text),)
    )
    for page in both(incident, book, hit):
        assert page.headings[1:] == SECTIONS
        assert not {"script", "img", "svg", "strike", "s", "hr"} & set(page.tags)
        assert [v for n, v in page.attributes if n == "href" and v and "evil" in v] == []
        assert not re.search("[\x00\x1b\u202e\u2066]", page.text)
        assert len(page.text) < 200_000
        assert "49" not in page.text.replace("14.3.149", "")


def spoilt(value: Any, text: str) -> Any:
    """Put a text in place of every string that is not one of a closed list of words."""
    closed = {
        "state",
        "family",
        "category",
        "confidence",
        "kind",
        "side",
        "actor",
        "action",
        "impact",
        "source",
        "level",
    }
    closed |= {"permanence", "version", "phase"}
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(spoilt(one, text) for one in value)
    if isinstance(value, msgspec.Struct):
        fields = {f: getattr(value, f) for f in value.__struct_fields__}
        return type(value)(**{f: one if f in closed else spoilt(one, text) for f, one in fields.items()})
    return value


def test_a_redacted_ticket_names_nobody(
    both: Callable[..., tuple[Page, Page]], make_incident: Callable[..., Incident], diagnosis: Diagnosis
) -> None:
    """With redaction only domains are left of people, and nothing of the subject."""
    quoting = (Evidence(id="q", supports=True, text="anna.b@fabrikam.example got Offer 4711"),)
    incident = make_incident(verdict=msgspec.structs.replace(diagnosis, evidence=quoting))
    for page in both(incident, redact=True):
        for hidden in ("anna", "carl", "dora", "sales@", "4711"):
            assert hidden not in page.text
        assert "…@fabrikam.example" in page.text


@pytest.mark.parametrize(
    ("confidence", "said"),
    [
        ("certain", "Certain: the evidence states the cause, or shows it. Do the steps below."),
        ("probable", "Probable: do the steps below. The first one is a cheap check that can still stop you."),
        ("possible", "Possible: check first. Do not change a server yet."),
    ],
)
def test_the_confidence_changes_what_to_do(
    confidence: Any,
    said: str,
    both: Callable[..., tuple[Page, Page]],
    make_incident: Callable[..., Incident],
    diagnosis: Diagnosis,
) -> None:
    """Each word of confidence comes with what it asks for; only an open verdict names what would decide it."""
    for page in both(make_incident(verdict=msgspec.structs.replace(diagnosis, confidence=confidence))):
        assert said in page.text
        assert ("Nothing here has seen the handshake itself." in page.text) is (confidence == "possible")
        assert ("What would decide it" in page.text) is (confidence != "certain")


@pytest.mark.parametrize(
    ("category", "said"),
    [
        ("mailbox-full", "Not proved yet. If “full mailbox” is right, this happens: The recipient's mailbox"),
        ("connection-dropped", "The connection from HQ-EX10A to Exchange Online breaks off during the session."),
        ("unclassified", "Mail from HQ-EX10A to Exchange Online fails with a reply that no rule knows."),
    ],
)
def test_a_possible_cause_is_not_told_as_a_fact(
    category: Any,
    said: str,
    both: Callable[..., tuple[Page, Page]],
    make_incident: Callable[..., Incident],
    diagnosis: Diagnosis,
) -> None:
    """While a cause is only possible the ticket says so; what was seen is told as it was seen."""
    verdict = msgspec.structs.replace(diagnosis, category=category, confidence="possible")
    for page in both(make_incident(verdict=verdict)):
        assert said in page.text


@pytest.mark.parametrize(
    ("family", "side", "said"),
    [
        ("session", "sending", "when HQ-EX10A has handed mail over to Exchange Online with TLS"),
        ("session", "receiving", "or a probe of every address that failed passes"),
        ("session", "path", "when mail from HQ-EX10A to Exchange Online passes again"),
        ("session", None, "passes again"),
        ("recipient", None, "put the address or the mailbox right first"),
        ("content-and-policy", None, "change what the other end does not take"),
        ("routing", None, "closes by itself when no more of these come"),
    ],
)
def test_afterwards_says_what_to_resend_and_when_it_closes(
    family: Any, side: Any, said: str, both: Callable[..., tuple[Page, Page]], make_incident: Callable[..., Incident]
) -> None:
    """Which mail to send again depends on the fault, and so does what closes the ticket."""
    responsible = Responsible(kind="host", side=side, host="hq-ex10a.contoso.example", ours=True)
    verdict = Diagnosis(family=family, responsible=responsible)
    for page in both(make_incident(family=family, verdict=verdict)):
        assert said in page.text


def test_nothing_known_still_makes_a_ticket(both: Callable[..., tuple[Page, Page]]) -> None:
    """No sample, steps, counts or messages: each section says what is not known, none is invented."""
    bare = Incident(id="x", state="open", family="session", ends=Ends(), verdict=Diagnosis(), counts=Counts())
    for page in both(bare, FilledRunbook(id="none", title="none"), ()):
        gone = {"Before you touch the registry", "Further reading"}
        assert page.headings[1:] == [name for name in SECTIONS if name not in gone]
        assert "No steps are known for this fault yet." in page.text
        assert "None is known for this fault." in page.text
        assert "No mail has to be sent again." in page.text
        assert "None" not in page.text.replace("None is known", "")


def test_a_long_list_of_messages_is_cut_to_ten(both: Callable[..., tuple[Page, Page]]) -> None:
    """The ticket prints ten messages and says that the file holds all."""
    for page in both(hit=[Affected(state="returned", recipient=f"r{n}@fabrikam.example") for n in range(1_200)]):
        assert len(re.findall(r"r\d+@fabrikam\.example", page.text)) == 10
        assert "(1,200)" in page.text
        assert "Here are the first 10:" in page.text


@pytest.mark.parametrize(
    ("waiting", "known", "words"),
    [
        (2, 2, "All of them stand in affected.csv beside this ticket (2)."),
        (412, 2, "Those of whom a report names recipient or message stand in affected.csv beside this ticket (2)."),
        (3, 0, "No report names their recipients or messages"),
    ],
)
def test_the_list_says_whether_it_is_all(
    both: Callable[..., tuple[Page, Page]],
    make_incident: Callable[..., Incident],
    waiting: int,
    known: int,
    words: str,
) -> None:
    """A queue tells how many wait and not always whose mail: the list claims to be whole only where it is."""
    hit = [Affected(state="waiting", recipient=f"r{n}@fabrikam.example") for n in range(known)]
    for page in both(make_incident(counts=Counts(waiting=waiting)), hit=hit):
        assert words in " ".join(page.text.split())


def test_only_https_is_further_reading(both: Callable[..., tuple[Page, Page]], runbook: FilledRunbook) -> None:
    """A link that is not https is left out, and its text cannot end the link."""
    links = (Link("a](https://evil.example)", "https://example.com/a>b c"), Link("gone", "javascript:alert(1)"))
    for page in both(book=msgspec.structs.replace(runbook, links=links)):
        found = [value for name, value in page.attributes if name == "href" and value and value.startswith("https")]
        assert len(found) == 1
        assert str(found[0]).startswith("https://example.com/a")
        assert "gone" not in page.text


def test_the_same_incident_gives_the_same_bytes(
    make_incident: Callable[..., Incident],
    runbook: FilledRunbook,
    affected: tuple[Affected, ...],
    texts: Texts,
    now: str,
) -> None:
    """Nothing of the clock or of chance is in a ticket but the time that it is given."""
    for write in (ticket_markdown, ticket_html):
        first, second = (write(make_incident(), runbook, affected, texts, now=now) for _ in range(2))
        assert first == second
