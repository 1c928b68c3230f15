"""Drafts in plain text: a letter to a partner's postmaster, and a note to the person whose message came back.

Nobody sends them for us. Lines are at most 72 characters long (RFC 5322 §2.1.1 asks for 78, quotes want room), but for
a command or a reply, which stand as they are.
"""

import textwrap
from collections.abc import Iterator

from triage.model.draft import PartnerLetter, SenderNote
from triage.notify.moments import moment
from triage.notify.phrases import Texts
from triage.safe_text import block, one_line

WIDTH = 72
_INDENT = "    "

_COMMANDS = {
    "version": "version",
    "cipher": "version",
    "starttls": "port",
    "certificate": "certificate",
    "handshake": "version",
    "dropped": "port",
    "refused": "port",
    "timeout": "port",
    "dns": "mx",
    "authentication": "dmarc",
}
"""The command below a check; other topics have none. Where they send, it goes the other way."""

_FOR_THE_DOMAIN = frozenset({"dns", "authentication"})


def letter_text(letter: PartnerLetter, texts: Texts, *, now: str) -> str:
    """Give the draft of a letter in plain text. `now` is RFC 3339."""
    return _Letter(letter, texts, now).text()


def note_text(note: SenderNote, texts: Texts, *, now: str) -> str:
    """Give the draft of a note in plain text. `now` is RFC 3339."""
    kind = "waiting_until" if note.kind == "waiting" and note.tried_until else note.kind
    recipient = one_line(note.recipient, 320) if note.recipient else ""
    message = texts.phrase(f"note.message.{'to' if recipient else 'plain'}", recipient=recipient)
    told = texts.phrase(
        f"note.kind.{kind}",
        message=message,
        domain=one_line(note.domain or "", 255) or texts.phrase("ends.nobody_domain"),
        time=moment(note.tried_until, "", texts) if note.tried_until else "",
    )
    head = texts.phrase("note.head", text=note.incident, time=moment(now, "", texts))
    return "\n\n".join(_wrapped(part) for part in (head, told[:1].upper() + told[1:])) + "\n"


class _Letter:
    """One letter as it is put together, paragraph by paragraph."""

    def __init__(self, letter: PartnerLetter, texts: Texts, now: str) -> None:
        self._letter, self._texts, self._now = letter, texts, now
        online = letter.through_exchange_online
        ours = texts.phrase("letter.exchange_online" if online else "letter.our_server")
        self._values = {
            "theirs": letter.theirs or texts.phrase("letter.their_server"),
            "ours": ours if online else letter.ours or ours,
            "domain": letter.domain or texts.phrase("ends.nobody_domain"),
            "our_domain": letter.our_domain or "",
        }

    def text(self) -> str:
        """Give the whole draft."""
        parts = [self._head(), self._address(), self._opening(), *self._seen(), *self._likely()]
        parts += [*self._check(), *self._ruled_out(), *self._mail(), self._say("thanks"), self._wrap("answer")]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _say(self, path: str, **more: str) -> str:
        return self._texts.phrase(f"letter.{path}", **{**self._values, **more})

    def _wrap(self, path: str, **more: str) -> str:
        return _wrapped(self._say(path, **more))

    def _heading(self, name: str) -> str:
        return self._say(f"heading.{name}")

    def _head(self) -> str:
        head = "head_sending" if self._letter.they_send else "head"
        return self._wrap(head, text=self._letter.incident, time=self._moment(self._now))

    def _address(self) -> str:
        """Give the two lines of a header; they are not wrapped, since a header line is copied whole."""
        to = self._say("to" if self._letter.domain else "to_unknown")
        # A subject names what both sides know: their server, and our domain or server.
        known = self._letter.our_domain or self._letter.ours
        subject = self._say("subject" if known else "subject_alone", ours=known or "", text=self._topic("name"))
        return f"{to}\n{subject}"

    def _opening(self) -> str:
        told = self._wrap("they_send" if self._letter.they_send else "we_send")
        return f"{self._say('greeting')}\n\n{told}"

    def _seen(self) -> Iterator[str]:
        letter = self._letter
        yield self._heading("seen")
        domains = " / ".join(filter(None, (letter.our_domain, letter.domain)))
        rows = [
            ("theirs", _host(letter.theirs, letter.their_ip, port="" if letter.they_send else ", port 25")),
            ("ours", _host(letter.ours, letter.our_ip, port=", port 25" if letter.they_send else "")),
            ("domains", domains),
            ("first", self._moment(letter.first)),
            ("last", self._moment(letter.last) if letter.last != letter.first else ""),
            ("tries", self._texts.count("letter.sessions", letter.sessions) if letter.sessions else ""),
            ("phase", self._say(f"phase.{letter.phase}") if letter.phase else ""),
        ]
        told = [(self._say(f"fact.{name}"), value) for name, value in rows if value]
        width = max((len(name) for name, _ in told), default=0) + 2
        yield "\n".join(f"{_INDENT}{name:<{width}}{value}" for name, value in told)
        if letter.reply:
            yield self._wrap("fact.reply")
            yield textwrap.indent(block(letter.reply), _INDENT)
        else:
            yield self._wrap("fact.no_reply")

    def _likely(self) -> Iterator[str]:
        """Say what it most likely is, and only as much as a line of a report or log bears out."""
        yield self._heading("likely")
        letter = self._letter
        proved = letter.reply is not None and letter.confidence != "possible"
        told = [self._topic("sure" if proved else "maybe") or self._say("likely.unproved")]
        if letter.reply is None:
            told.insert(0, self._say("likely.no_line"))
        elif letter.topic == "version":
            told += [self._say("likely.exchange_online")] if letter.through_exchange_online else []
            told += [self._say("likely.retired")] if proved else []
        yield _wrapped(" ".join(told))

    def _check(self) -> Iterator[str]:
        yield self._heading("check")
        yield _wrapped(self._topic("check"))
        command = self._command()
        if command:
            yield _INDENT + command

    def _command(self) -> str:
        """Give the command that shows it, for a machine of theirs; none with a name that is not known."""
        letter = self._letter
        name = _COMMANDS.get(letter.topic)
        if name is None:
            return ""
        if letter.topic in _FOR_THE_DOMAIN:
            return self._say(f"command.{name}") if letter.domain else ""
        if letter.they_send:
            return self._say("command.from_yours") if letter.ours else ""
        return self._say(f"command.{name}") if letter.theirs else ""

    def _ruled_out(self) -> Iterator[str]:
        yield self._heading("cleared")
        told = [self._say(f"cleared.{name}") for name in (*self._letter.cleared, "fill_in")]
        yield "\n".join(_wrapped(one, first="- ", rest="  ") for one in told)

    def _mail(self) -> Iterator[str]:
        letter, count = self._letter, self._texts.count
        yield self._heading("mail")
        told = [count("letter.mail.returned", letter.returned)] if letter.returned else []
        if letter.waiting:
            told.append(count(f"letter.mail.{'waiting_theirs' if letter.they_send else 'waiting'}", letter.waiting))
        if letter.tried_until:
            told.append(self._say("mail.until", time=self._moment(letter.tried_until)))
        told.append(self._say("mail.answer_sending" if letter.they_send else "mail.answer"))
        yield _wrapped(" ".join(told))

    def _topic(self, name: str) -> str:
        """Give a phrase of the topic, that for mail which they send where there is one; empty where there is none."""
        path = f"letter.topic.{self._letter.topic}.{name}"
        theirs = self._texts.find(f"{path}_sending", **self._values) if self._letter.they_send else None
        return theirs or self._texts.find(path, **self._values) or ""

    def _moment(self, time: str | None) -> str:
        """Write a time with its year: a letter is read months later."""
        return moment(time, "", self._texts) if time else ""


def _host(name: str | None, address: str | None, port: str) -> str:
    if not name and not address:
        return ""
    return " ".join(filter(None, (name, f"[{address}]" if address else ""))) + port


def _wrapped(text: str, first: str = "", rest: str = "") -> str:
    return textwrap.fill(
        one_line(text, 4_000),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
