"""A report that a person passes on, by whichever client, or whose lines a program breaks anew, says what the report itself
says; what is none becomes none.

The messages are those of `shapes/`, the values those of their tables.
"""

import email
import re
import textwrap
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from html import escape
from typing import Any

import pytest

from tests.decode.test_shapes import MESSAGES, ROWS, told
from triage.decode import decode
from triage.diagnose import Rulebook
from triage.hosts import Hosts

Original = tuple[str, str, str, str]
"""From, To and Subject of what is passed on, and its text."""

TELLS_LESS = {
    ("exchange", "online, forwarded inline and quoted"): "quoted twice, the other server's name is lost",
    (
        "eighth_microsoft_later",
        "exchange 2003, the partner refuses the sender, as outlook shows it",
    ): "it went to another",
    ("machine", "a content type without its semicolon"): "the text is not the report",
    ("servers", "gmail, no reason but in another language"): "no code, and the recipient in a header alone",
    ("unseen_providers", "google groups, spanish"): "no code, and the recipient in a header alone",
    ("seventh_last", "a quote with the sender in the line above it"): "quoted within a forward",
    ("seventh_others", "zammad passes a bounce on"): "quoted within a forward",
    ("seventh_shapes", "quoted-printable that nobody undid"): "the quote marks stand within what was broken",
}
"""Reports of which a forward holds less than they do."""
BROKEN_ANEW_TELLS_LESS = {
    ("exchange", "online, forwarded inline and quoted"): "quoted twice, the other server's name is lost",
    ("seventh_others", "zammad passes a bounce on"): "most of its quote is no longer marked as one",
}
"""Reports that hold less where each long line was broken."""
SET_ANEW_TELLS_LESS = BROKEN_ANEW_TELLS_LESS | {
    ("servers", "notes, two reasons"): "an address at the end of a sentence need not be the recipient",
    ("servers", "au"): "the reply is a code without a status, amid other text",
    ("seventh_rest", "seznam"): "the line of dashes that ends the label ends the reason",
    ("seventh_rest", "evolution passes on, stars around the labels"): "the labels of the forward begin no line",
    ("seventh_shapes", "names beside the addresses"): "where a name begins is not to be told from the reply before it",
    ("seventh_shapes", "quoted-printable that nobody undid"): "its soft breaks are lost",
    ("unseen_gateways", "mailmarshal"): "the recipient stands within a sentence, apart from the reply",
    ("unseen_gateways", "surfcontrol"): "no label begins the line, so that no row of fields is to be told",
    ("eighth_microsoft_ways", "from a telephone, with the original thread below"): "the server's label is broken",
    ("seventh_others", "gmail slows down what comes without tls"): "the beginning of the reply is broken off",
    ("servers", "exim, a program"): "the text of the program is apart from it, behind a heading in two pieces",
    ("seventh_rest", "biglobe"): "a heading is in two pieces; the summary below it is read",
    (
        "seventh_others",
        "t-online, eXpurgate, by exim",
    ): "the beginning of the reply is broken off, its last lines are whole",
    ("unseen_more", "exchange 5.5, a number and no words"): "the number is in the line of the recipient",
    ("unseen_tables", "polish, a remote server"): "the label of the server is broken",
    (
        "eighth_microsoft_carried",
        "outlook in japanese, the table",
    ): "a heading on the label's line looks like the older table",
    (
        "ninth_microsoft",
        "online, passed on twice, danish and norwegian",
    ): "the labels of the inner forward begin no line",
    ("ninth_others", "exim with many lines, passed on by gmail in finnish"): "the labels of the forward begin no line",
    (
        "ninth_others",
        "a cisco appliance gives up, outlook in polish",
    ): "the label of the reason is within its paragraph",
}
"""Reports that hold less where each paragraph was put on one line, or filled anew."""
A_REPORT_IN_IT = {
    ("seventh_others", "look-alike: a digest of a list for postmasters"),
    ("seventh_rest", "look-alike: an administrator explains"),
    ("eighth_microsoft_hard", "no bounce: a newsletter explains a report"),
}
"""No reports themselves, with the whole text of one in them: passed on by a person they may be about it."""


def outlook(one: Original) -> str:
    """Pass on as Outlook does."""
    sender, to, subject, text = one
    head = f"From: {sender}\nSent: Tuesday, November 24, 2026 9:00 AM\nTo: {to}\nSubject: {subject}"
    return f"-----Original Message-----\n{head}\n\n{text}"


def german(one: Original) -> str:
    """Pass on as Outlook in German does."""
    sender, to, subject, text = one
    return f"Von: {sender}\nGesendet: Dienstag, 24. November 2026 09:00\nAn: {to}\nBetreff: {subject}\n\n{text}"


def gmail(one: Original) -> str:
    """Pass on as Gmail does."""
    sender, to, subject, text = one
    head = f"From: {sender}\nDate: Tue, Nov 24, 2026 at 9:00 AM\nSubject: {subject}\nTo: <{to}>"
    return f"---------- Forwarded message ---------\n{head}\n\n\n{text}"


def quoted(one: Original) -> str:
    """Quote the text below a line that names its sender."""
    sender, _, _, text = one
    return f"On Tue, 24 Nov 2026, {sender} wrote:\n\n" + "\n".join(f"> {line}" for line in text.splitlines())


def outlook_html(one: Original) -> str:
    """Pass on as Outlook does in HTML: each line is a paragraph without a margin."""
    sender, to, subject, text = map(escape, one)
    head = f"<b>From:</b> {sender}<br><b>Sent:</b> Tuesday<br><b>To:</b> {to}<br><b>Subject:</b> {subject}"
    lines = (f'<p class="MsoPlainText">{line.lstrip() or "&nbsp;"}</p>' for line in text.splitlines())
    return f"<html><body><div><p class=MsoNormal>{head}</p></div>{''.join(lines)}</body></html>"


def divs(one: Original) -> str:
    """Pass on as phones and web pages do: each line is a div."""
    sender, to, subject, text = map(escape, one)
    lines = [f"From: {sender}", f"Subject: {subject}", f"To: {to}", "", *text.splitlines()]
    return "<html><body>" + "\n".join(f"<div>{line or '<br>'}</div>" for line in lines) + "</body></html>"


def plain(content: bytes) -> Original | None:
    """Give what a client passes on of a message that is a plain text; None of another one."""
    mail = email.message_from_bytes(content, policy=policy.default)
    if mail.is_multipart():
        return None
    try:
        body = mail.get_body(("plain",))
        text = str(body.get_content()) if body else ""
    except (LookupError, KeyError, ValueError):
        return None
    return (str(mail["from"] or ""), str(mail["to"] or ""), str(mail["subject"] or ""), text) if text.strip() else None


def forward(one: Original, text: str) -> bytes:
    """Give the mail of the person who passes it on."""
    mail = EmailMessage()
    mail["From"], mail["To"] = "Karl <karl@contoso.example>", "helpdesk@contoso.example"
    mail["Subject"] = "Fwd: " + one[2].replace("\n", " ")
    is_html = text.startswith("<html>")
    mail.set_content(text if is_html else f"Please have a look.\n\n{text}", subtype="html" if is_html else "plain")
    return mail.as_bytes()


def cases(kinds: tuple[str, ...]) -> list[tuple[tuple[str, str], dict[str, Any], Original]]:
    """Give the messages of some kinds that hold all they say in a plain text."""
    found = []
    for family, name, row in ROWS:
        content = MESSAGES[family, name]
        whole = (
            b"inal-Recipient" in content or b"delivery-status" in content or content[:2] in (b"\xff\xfe", b"\xfe\xff")
        )
        if row["kind"] in kinds and not whole and (one := plain(content)) is not None:
            found.append(((family, name), row, one))
    return found


def wrapped(text: str, width: int) -> str:
    """Break each line that is longer than the width, as programs do that send or show a text."""
    lines = (
        textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) if len(line) > width else [line]
        for line in text.splitlines()
    )
    return "\n".join(line for broken in lines for line in broken)


def wrapped_at_60(text: str) -> str:
    """Break lines at 60 characters."""
    return wrapped(text, 60)


def wrapped_at_72(text: str) -> str:
    """Break lines at 72 characters."""
    return wrapped(text, 72)


def filled(text: str, width: int | None) -> str:
    """Put each paragraph on one line, or into lines of at most a width."""
    pieces = re.split(r"(\n[ \t]*\n+)", text.replace("\r\n", "\n"))
    flat = [piece if not piece.strip() else " ".join(piece.split()) for piece in pieces]
    return "".join(one if width is None or not one.strip() else wrapped(one, width) for one in flat)


def filled_at_60(text: str) -> str:
    """Fill paragraphs at 60 characters."""
    return filled(text, 60)


def filled_at_72(text: str) -> str:
    """Fill paragraphs at 72 characters."""
    return filled(text, 72)


def paragraphs_joined(text: str) -> str:
    """Put each paragraph on one line."""
    return filled(text, None)


def with_text(content: bytes, text: str) -> bytes:
    """Give a message with its header, and another text in plain UTF-8."""
    head = re.split(rb"\r?\n\r?\n", content, maxsplit=1)[0].decode("latin-1").replace("\r\n", "\n")
    head = re.sub(r"(?im)^(?:content-[a-z-]+|mime-version):.*\n?(?:[ \t].*\n?)*", "", head).strip("\n")
    form = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit"
    return f"{head}\n{form}\n\n{text}".encode()


def other_than_told(changed: Callable[[bytes, Original], bytes]) -> set[tuple[str, str]]:
    """Give the reports that say something else once they are changed: kind, recipients, codes, the other end or category."""
    rulebook = Rulebook.load()
    other = set()
    for key, row, one in cases(("bounce", "delay")):
        document = decode(changed(MESSAGES[key], one), Hosts())
        got = [told(each, rulebook) for each in document.observations if each.source == "ndr"]
        wanted = [[cell.replace("\u00a0", " ") for cell in line.split(" ")] for line in row["ndr"]]
        same = len(got) == len(wanted) and all(
            want == "?" or value in want.split("|")
            for pair in zip(got, wanted, strict=True)
            for value, want in zip(*pair, strict=True)
        )
        if document.kind != row["kind"] or not same:
            other.add(key)
    return other


CLIENTS = [outlook, german, gmail, quoted, outlook_html, divs]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_report_that_is_passed_on_says_the_same(client: Callable[[Original], str]) -> None:
    """Kind, recipients, codes, the other end and the category are those of the report itself."""
    other = other_than_told(lambda _, one: forward(one, client(one)))
    assert other <= set(TELLS_LESS), sorted(other - set(TELLS_LESS))


@pytest.mark.parametrize("way", [wrapped_at_60, wrapped_at_72])
def test_a_report_whose_lines_were_broken_says_the_same(way: Callable[[str], str]) -> None:
    """A reply is read whole, and as its recipient's, wherever a program broke the lines."""
    other = other_than_told(lambda content, one: with_text(content, way(one[3])))
    assert other <= set(BROKEN_ANEW_TELLS_LESS), sorted(other - set(BROKEN_ANEW_TELLS_LESS))


@pytest.mark.parametrize("way", [filled_at_60, filled_at_72, paragraphs_joined])
def test_a_report_whose_paragraphs_were_set_anew_says_the_same(way: Callable[[str], str]) -> None:
    """What begins a line in a report is known by its form, where a program left no line as it was."""
    other = other_than_told(lambda content, one: with_text(content, way(one[3])))
    assert other <= set(SET_ANEW_TELLS_LESS), sorted(other - set(SET_ANEW_TELLS_LESS))


@pytest.mark.parametrize("client", CLIENTS)
def test_what_is_no_report_becomes_none_by_being_passed_on(client: Callable[[Original], str]) -> None:
    """Look-alikes stay what they are when somebody passes them on."""
    found = cases(("other", "auto-reply", "feedback", "success"))
    assert len(found) > 50
    alarms = {key for key, _, one in found if decode(forward(one, client(one)), Hosts()).kind in ("bounce", "delay")}
    assert alarms <= A_REPORT_IN_IT


@pytest.mark.parametrize("way", [wrapped_at_60, wrapped_at_72, filled_at_60, filled_at_72, paragraphs_joined])
def test_what_is_no_report_becomes_none_by_broken_lines(way: Callable[[str], str]) -> None:
    """Look-alikes stay what they are however their lines are broken."""
    found = cases(("other", "auto-reply", "feedback", "success"))
    messages = {key: with_text(MESSAGES[key], way(one[3])) for key, _, one in found}
    assert not {key for key, content in messages.items() if decode(content, Hosts()).kind in ("bounce", "delay")}
