"""Reports of the support case in every shape: each field can be changed to make a twin with one other fact."""

import hashlib
import html
import re
import textwrap
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from triage.collect.item import Item
from triage.group import SqliteDocuments, incidents
from triage.model import Finding, Incident, Place, Reading
from triage.pipeline import Parts, read, take_in, tell
from triage.settings import Settings
from triage.wiring import parts_of

NOW = "2026-10-20T12:00:00Z"
CLOUD = "am6pr01mb1234.eurprd01.prod.outlook.com"
TENANT = "fabrikam-example.mail.protection.outlook.com"
DROPPED = "421 4.4.2 Connection dropped due to SocketError"
TLS12 = "version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
NO_BUILD = (
    "Received: from pc7.contoso.example (pc7.contoso.example [192.0.2.77]) by gate.contoso.example (Postfix)"
    " with ESMTPS id 4Z2x; Sun, 18 Oct 2026 09:13:58 +0000"
)

LANGUAGES = {
    name: tuple(words.values())
    for name, words in tomllib.loads((Path(__file__).parent / "languages.toml").read_text(encoding="utf-8")).items()
}


def stamp(by: str, build: str, how: str = "Microsoft SMTP Server (TLS)", from_: str = "client7.contoso.example") -> str:
    """Give the Received stamp of an Exchange server of that build."""
    way = f"from {from_} (192.0.2.77) by\r\n {by} (192.0.2.10)"
    return f"Received: {way} with {how} id\r\n {build}; Sun, 18 Oct 2026 09:14:03 +0000"


@dataclass(kw_only=True)
class Report:
    """One report that Exchange writes when it gives up. `lines` are (host with address, reply), newest first."""

    generating: str = "hq-ex13a.contoso.example"
    receiving: str | None = TENANT
    receiving_ip: str = "203.0.113.25"
    recipients: tuple[str, ...] = ("anna.berg@fabrikam.example",)
    sender: str = "karl.holm@contoso.example"
    subject: str = "Offer 4711"
    message_id: str = "offer-4711@contoso.example"
    generation: str = "classic"
    language: str = "en"
    action: str = "failed"
    status: str = "4.4.7"
    notice: str = "550 4.4.7 QUEUE.Expired; message expired"
    cause: str | None = (
        f'451 4.4.0 Primary target IP address responded with: "{DROPPED}." Attempted failover to alternate host, but that did not succeed. Either there are no alternate hosts, or delivery failed to all alternate hosts.'  # noqa: E501
    )
    stamps: Sequence[str] | None = None
    build: str | None = "15.0.1130.7"
    remote_mta: str | None = None
    extra_headers: tuple[str, ...] = ()
    parts: str = "both"

    def original(self) -> str:
        """Give the headers of the message that came back."""
        stamps = self.stamps
        if stamps is None:
            stamps = [stamp(self.generating, self.build)] if self.build else [NO_BUILD]
        return "".join(f"{one}\r\n" for one in stamps) + (
            f"From: Karl Holm <{self.sender}>\r\nTo: {', '.join(f'<{one}>' for one in self.recipients)}\r\n"
            f"Subject: {self.subject}\r\nMessage-ID: <{self.message_id}>\r\nDate: Sun, 18 Oct 2026 09:14:00 +0000\r\n"
        )

    def human(self) -> str:
        """Give the part that people read, in the form of the generation."""
        return {"2007": self._old, "2010": self._old, "classic": self._classic, "table": self._table}[self.generation]()

    def _old(self) -> str:
        lists = "distribution lists" if self.generation == "2007" else "groups"
        _, status, _ = (self.cause or self.notice).split(" ", 2)
        lines = []
        for one in self.recipients:
            if self.cause is None:
                lines.append(f"{one}\r\n#{self.notice} ##\r\n")
            else:
                lines.append(f"{one}\r\n{self.receiving} #<{self.receiving} #{status} smtp;{self.cause}> #SMTP#\r\n")
        foot = "\r\nSent by Microsoft Exchange Server 2007\r\n" if self.generation == "2007" else ""
        people = "\r\n".join(self.recipients)
        return (
            f"Delivery has failed to these recipients or {lists}:\r\n\r\n{people}\r\n"
            "Microsoft Exchange has been trying to deliver this message without success and has stopped trying.\r\n"
            f"{foot}\r\nDiagnostic information for administrators:\r\n\r\nGenerating server: {self.generating}\r\n\r\n"
            + "\r\n".join(lines)
            + f"\r\nOriginal message headers:\r\n\r\n{self.original()}"
        )

    def _classic(self) -> str:
        _, failed, heading, server, headers, moment = LANGUAGES[self.language]
        where = f"{self.receiving} ({self.receiving_ip})" if self.receiving else self.generating
        lines = []
        for one in self.recipients:
            lines.append(f"{one}\r\n{moment} - Server at {self.generating} returned '{self.notice}'")
            if self.cause:
                lines.append(f"{moment.replace('04', '02')} - Server at {where} returned '{self.cause}'")
            lines.append("")
        people = "\r\n".join(self.recipients)
        return (
            f"{failed}\r\n\r\n{people}\r\n\r\n{heading}\r\n\r\n{server} {self.generating}\r\n"
            "\r\n" + "\r\n".join(lines) + f"\r\n{headers}\r\n\r\n{self.original()}"
        )

    def _table(self) -> str:
        chain = self.notice if self.cause is None else f"{self.notice} -> {self.cause}"
        if self.cause and "4.4.317" in self.cause:
            inner = re.search(r"\[Message=(.*?)\]", self.cause)
            assert inner
            chain = f"{self.notice}({inner[1]})"
        code, status, _ = self.notice.split(" ", 2)
        rows = [
            "Your message to anna.berg@fabrikam.example couldn't be delivered.",
            "",
            "More Info for Email Admins",
            f"Status code: {code} {status}",
            "",
            "Original Message Details",
            "Created Date:\t10/18/2026 9:14:00 AM",
            f"Sender Address:\t{self.sender}",
            f"Recipient Address:\t{self.recipients[0]}",
            f"Subject:\t{self.subject}",
            "",
            "Error Details",
            f"Reported error:\t{chain}",
            f"DSN generated by:\t{self.generating}",
            *([f"Remote server:\t{self.receiving}"] if self.receiving else []),
            "",
            "Message Hops",
            "HOP\tTIME (UTC)\tFROM\tTO\tWITH\tRELAY TIME",
            "",
            "Original Message Headers",
            "",
        ]
        return "\r\n".join(rows) + "\r\n" + self.original()

    def page(self) -> str:
        """Give the human part as HTML."""
        lines = html.escape(self.human(), quote=False).split("\r\n")
        return "<html><body><p>" + "<br>\r\n".join(lines) + "</p></body></html>"

    def machine(self) -> str:
        """Give the machine part: Exchange puts the wrapper there, and the cause only where a remote answered."""
        told = self.cause if self.generation in ("2007", "2010") and self.cause else self.notice
        blocks = []
        for one in self.recipients:
            lines = [f"Final-Recipient: rfc822;{one}", f"Action: {self.action}", f"Status: {self.status}"]
            lines.append(f"Diagnostic-Code: smtp;{told}")
            if self.remote_mta or (told == self.cause and self.receiving):
                lines.append(f"Remote-MTA: dns;{self.remote_mta or self.receiving}")
            blocks.append("\r\n".join(lines))
        head = f"Reporting-MTA: dns;{self.generating}\r\nArrival-Date: Sun, 18 Oct 2026 09:14:03 +0000\r\n\r\n"
        return head + "\r\n\r\n".join(blocks) + "\r\n"

    def headers(self) -> str:
        """Give the headers of the report; those of 2007 and 2010 carry no marks of an automatic message."""
        marks = (
            []
            if self.generation in ("2007", "2010")
            else ["X-MS-Exchange-Message-Is-Ndr:", "Auto-Submitted: auto-replied"]
        )
        name = (
            "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@contoso.example>"
            if self.generation in ("classic", "table")
            else "<postmaster@contoso.example>"
        )
        return "\r\n".join(
            [
                "Return-Path: <>",
                *self.extra_headers,
                f"From: {name}",
                f"To: <{self.sender}>",
                "Date: Tue, 20 Oct 2026 09:14:11 +0000",
                f"Message-ID: <ndr-{self.message_id}>",
                f"Subject: {LANGUAGES[self.language][0]}{self.subject}",
                f"Content-Language: {self.language}",
                *marks,
                f"In-Reply-To: <{self.message_id}>",
                "MIME-Version: 1.0",
                'Content-Type: multipart/report; report-type=delivery-status; boundary="report"',
            ]
        )

    def text(self) -> str:
        """Give the whole report."""
        bodies = {"plain": self.human(), "html": self.page()}
        kinds = {"both": ("plain", "html"), "plain": ("plain",), "html": ("html",)}[self.parts]
        told = "".join(
            f"--words\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{bodies[kind]}\r\n" for kind in kinds
        )
        return (
            f"{self.headers()}\r\n\r\n--report\r\n"
            'Content-Type: multipart/alternative; differences=Content-Type; boundary="words"\r\n\r\n'
            f"{told}--words--\r\n\r\n--report\r\nContent-Type: message/delivery-status\r\n\r\n{self.machine()}\r\n"
            f"--report\r\nContent-Type: text/rfc822-headers\r\n\r\n{self.original()}\r\n--report--\r\n"
        )

    def __bytes__(self) -> bytes:
        return self.text().encode()

    def attached(self, deep: int = 1) -> bytes:
        """Give the report as an attachment of a forward, that forward as an attachment of the next, and so on."""
        inner = self.text()
        for level in range(deep):
            mark = f"forward{level}"
            kind = f'multipart/mixed; boundary="{mark}"'
            inner = (
                f"{_forward_headers(self.subject, kind, level)}\r\n\r\n--{mark}\r\n"
                f"Content-Type: text/plain\r\n\r\nThis came back, see attachment.\r\n--{mark}\r\n"
                f"Content-Type: message/rfc822\r\n\r\n{inner}\r\n--{mark}--\r\n"
            )
        return inner.encode()

    def inline(self, *, quote: str = "", width: int = 0, smart: bool = False, page: bool = False) -> bytes:
        """Give the report as a mail client forwards it within a text: no machine part is left."""
        text = self.human()
        if smart:
            text = text.replace("'", "\u2019").replace('"', "\u201d")
        lines = text.split("\r\n")
        if width:
            wrap = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
            lines = [piece for line in lines for piece in (wrap.wrap(line) or [""])]
        intro = [
            "What does this mean?",
            "",
            "From: Microsoft Outlook",
            "Sent: Tuesday, October 20, 2026 11:14",
            f"To: {self.sender}",
            f"Subject: {LANGUAGES[self.language][0]}{self.subject}",
            "",
        ]
        body = [*intro, *(quote + line for line in lines)]
        if page:
            told = "<br>\r\n".join(html.escape(line, quote=False) for line in body)
            head = _forward_headers(self.subject, "text/html; charset=utf-8")
            return f"{head}\r\n\r\n<html><body>{told}</body></html>\r\n".encode()
        head = _forward_headers(self.subject, "text/plain; charset=utf-8")
        return (head + "\r\n\r\n" + "\r\n".join(body) + "\r\n").encode()


def _forward_headers(subject: str, content_type: str, level: int = 0) -> str:
    return (
        "From: Karl Holm <karl.holm@contoso.example>\r\nTo: helpdesk@contoso.example\r\n"
        f"Date: Tue, 20 Oct 2026 1{level}:00:00 +0000\r\nSubject: FW: Undeliverable: {subject}\r\n"
        f"Message-ID: <forward{level}@contoso.example>\r\nMIME-Version: 1.0\r\nContent-Type: {content_type}"
    )


def to_cloud(**changes: Any) -> Report:
    """A server of ours reports that it could not hand mail to Exchange Online."""
    return Report(**changes)


def from_cloud(**changes: Any) -> Report:
    """Exchange Online reports that it could not hand mail to a partner's server."""
    facts: dict[str, Any] = {
        "generating": CLOUD.replace("am6pr01mb1234", "AM6PR01MB1234"),
        "receiving": "mail.fabrikam.example",
        "receiving_ip": "198.51.100.7",
        "status": "5.4.300",
        "notice": f"550 5.4.300 Message expired -> {DROPPED}",
        "cause": DROPPED,
        "stamps": [
            stamp(CLOUD, "15.20.9253.12", f"Microsoft SMTP Server ({TLS12})", "AS8PR01MB77.eurprd01.prod.outlook.com")
        ],
    }
    if changes.get("generation") == "table":
        facts["notice"] = "550 5.4.300 Message expired"
    return Report(**{**facts, **changes})


def between(**changes: Any) -> Report:
    """A server of ours reports that it lost the connection to another server of ours."""
    facts: dict[str, Any] = {
        "generating": "hq-ex10a.contoso.example",
        "receiving": "hq-ex16a.contoso.example",
        "receiving_ip": "192.0.2.16",
        "recipients": ("eva.lund@contoso.example",),
        "build": "14.3.382.0",
    }
    return Report(**{**facts, **changes})


@pytest.fixture(scope="session")
def build() -> dict[str, Callable[..., Report]]:
    """Give the builders by direction."""
    return {"to-cloud": to_cloud, "from-cloud": from_cloud, "between": between}


_KNOWN: dict[str, Parts] = {}


def parts_for(ours: Sequence[str] = ("contoso.example",), authserv_id: str | None = None) -> Parts:
    """Give the real rules, runbooks and texts with those settings."""
    key = repr((tuple(ours), authserv_id))
    if key not in _KNOWN:
        _KNOWN[key] = parts_of(Settings(ours={"domains": list(ours)}, authserv_id=authserv_id))
    return _KNOWN[key]


def item(content: bytes) -> Item:
    """Give a document as collecting gives it."""
    return Item(Place("seed.eml"), content, hashlib.sha256(content).hexdigest())


@pytest.fixture(scope="session")
def reading() -> Callable[..., Reading]:
    """Give what reads one document with the real parts."""

    def give(content: object, **settings: Any) -> Reading:
        return read(item(bytes(content)), parts_for(**settings))  # type: ignore[call-overload]

    return give


@pytest.fixture(scope="session")
def finding(reading: Callable[..., Reading]) -> Callable[..., Finding]:
    """Give what reads one document and gives its first finding of a report."""

    def give(content: object, **settings: Any) -> Finding:
        found = [one for one in reading(content, **settings).findings if one.observation.source == "ndr"]
        assert found, "no report was found in it"
        return found[0]

    return give


@pytest.fixture
def told(tmp_path: Any) -> Callable[..., tuple[Incident, dict[str, str]]]:
    """Give what takes documents in and gives their one incident, with the files that tell of it as text."""

    def give(*contents: object, **settings: Any) -> tuple[Incident, dict[str, str]]:
        parts = parts_for(**settings)
        with SqliteDocuments(tmp_path / "store.sqlite") as documents:
            for _ in take_in([item(bytes(one)) for one in contents], documents, parts, NOW):  # type: ignore[call-overload]
                pass
            (one,) = incidents(documents)
            files = tell(one, documents, parts, NOW)
        return one, {
            name: html.unescape(body.decode("utf-8")) for name, body in files.items() if not name.endswith(".reg")
        }

    return give
