"""The human part of a report of any mail server but Exchange: qmail, Exim, Postfix, sendmail, Gmail, Notes and more.

What servers say is data (`phrases/prose.toml`). A text is a report where it opens with a sentence of a mail server;
the lines that name a recipient then cut it into one reason for each, and in the reason stands the reply.
"""

import re
from collections.abc import Iterator
from functools import cached_property

import msgspec

from triage.decode.failure import ADDRESS, Failure, read_address
from triage.decode.limits import MAX_RECIPIENTS
from triage.decode.prose_lines import text_lines
from triage.decode.prose_opening import introduction_of
from triage.decode.prose_said import MAX_REASON, Around, End, Said
from triage.decode.prose_signs import may_name_a_server, may_tell_address_of
from triage.decode.prose_words import is_service, phrases
from triage.hosts import normal
from triage.model.words import Action

MAX_FORWARDS = 4
"""Lines such as `-----Original Message-----` behind which a report is looked for: one for each time it was passed on."""

_ADDRESS = re.compile(ADDRESS)
_LOCAL_NAME = re.compile(r"[ \t]{1,20}([A-Za-z][A-Za-z0-9._-]{1,63})")
_CODE = re.compile(r"[45]\d\d\b")
_HEADER = re.compile(r"\s{0,20}(?:To|(?:Mail )?From|Cc|Subject|Date|Sent|Reply-To|Message-I[Dd])\s{0,4}:")
_REFUSED = re.compile(r"5\d\d\b")
_BROKEN_OFF = re.compile(r"[^\s\d<>][ :;][45]\d\d(?:[ -][45]\.\d{1,3}\.\d{1,3})?\s{0,4}\Z")
"""The end of a line in which a reply has just begun: what stands below it is its text, even an address with a colon."""


class Prose(msgspec.Struct, frozen=True, kw_only=True):
    """What a text says: whose sentence opens it, each recipient's failure, and the returned message behind it.

    `strong` is True where the sentence is a server's own. `original` is the text of the returned message or "".
    """

    mailer: str
    reported_by: str | None = None
    strong: bool
    failures: tuple[Failure, ...]
    original: str = ""


class HumanText:
    """A human part, cut into lines and taken apart once, however many recipients and readers ask about it."""

    def __init__(self, text: str) -> None:
        """Take the text as it stands in its part."""
        self.text = text

    @cached_property
    def cut(self) -> tuple[list[str], list[str]]:
        """The lines of the report without reply quoting, and those of the returned message behind them."""
        return _split(text_lines(self.text))

    @cached_property
    def lower(self) -> str:
        """The text in lower case."""
        return self.text.lower()

    @cached_property
    def reasons(self) -> tuple[Said, ...]:
        """What it says of each recipient that it names, or of all of them; nothing where it gives no reason at all."""
        report, _ = self.cut
        named = list(_recipients(report))
        if named:
            return _of_each(report, "failed", named)
        return _without_lines(report, "failed", ()) if _labelled(report) or _starts_reply(report) else ()


def read_prose(
    text: HumanText,
    *,
    from_mail_system: bool,
    known: tuple[str, ...] = (),
    subject: str = "",
    domain: str | None = None,
    own: frozenset[str] | None = None,
) -> Prose | None:
    """Read a human part; None where no mail server speaks in it. Never raises.

    `from_mail_system` lets the weaker phrases count, and the `subject`. `known` are recipients that a header names
    (X-Failed-Recipients), `domain` is the one that the report comes from, `own` whom the message itself is from and to:
    where it is given, the only other address is the recipient of a coded report that names none by a line.
    """
    report, original = text.cut
    found = introduction_of(report, from_mail_system, subject)
    for _ in range(MAX_FORWARDS):
        if found is not None or not original:
            break
        report, original = _split(original[1:])  # what looked like the returned message is the forwarded report
        found = introduction_of(report, False, "")
    if found is None:
        return None
    introduction, strong, start = found
    if introduction.local_names and domain and not known:
        known = tuple(f"{name}@{domain}" for name in _local_names(report[start:]))
    rest = report[start:] or report
    said = _reasons_above(rest, introduction.action) if introduction.reason_first else ()
    if not any(map(_has_code, said)):
        below = _each(rest, introduction.action, known)
        said = below if not said or any(map(_has_code, below)) else said
    if start and not any(one.recipient for one in said) and report[start - 1].strip():  # its sentence began further up
        said = _each(report[_paragraph(report, start) :], introduction.action, known) or said
    if not any(one.says_anything for one in said) and (above := _labelled(report[:start])):
        around = Around(report)
        said = tuple(Said(one.recipient, introduction.action, above, around) for one in said)
    failures = tuple(one.failure() for one in said)
    if own is not None and len(failures) == 1 and failures[0].recipient is None and _has_code(failures[0]):
        failures = (msgspec.structs.replace(failures[0], recipient=_only_address(rest, own)),)
    return Prose(
        mailer=introduction.mailer,
        reported_by=_reporter(report),
        strong=strong,
        failures=failures,
        original="\n".join(original),
    )


def read_unknown(text: HumanText, known: tuple[str, ...]) -> Prose:
    """Give what a mail system says of recipients that a header names, in words that no phrase knows: all of it."""
    report, original = text.cut
    said = _without_lines(report, "failed", known)
    return Prose(mailer="", strong=False, failures=tuple(one.failure() for one in said), original="\n".join(original))


def read_wordless(text: HumanText, own: frozenset[str]) -> Prose | None:
    """Give what a mail system says in words that no phrase knows: a final reply about the one address that it names."""
    report, original = text.cut
    if not _starts_reply(report) or (recipient := _only_address(report, own)) is None:
        return None
    said = _without_lines(report, "failed", (recipient,))
    if not _REFUSED.match(said[0].diagnostic or ""):
        return None  # a reply of class 4 stands in reports of a failure and of a delay
    failures = tuple(one.failure() for one in said)
    return Prose(
        mailer="", reported_by=_reporter(report), strong=False, failures=failures, original="\n".join(original)
    )


class About:
    """What a human part says of one recipient of the machine part: read as far as it is asked for."""

    def __init__(self, text: HumanText, recipient: str | None) -> None:
        """Take the text and the recipient as the machine part names it, None where it names none."""
        self._text = text
        self._recipient = recipient

    @cached_property
    def said(self) -> Said | None:
        """All of it; None where it says nothing."""
        return reason_for(self._text, self._recipient)

    def server(self, known: str | None) -> End:
        """Give the server at the other end; nothing where its name is `known` and the text cannot tell its address."""
        lower = self._text.lower
        may_tell = may_name_a_server(lower) if known is None else may_tell_address_of(known, lower)
        return self.said.server if may_tell and self.said else (None, None)


def reason_for(text: HumanText, recipient: str | None) -> Said | None:
    """Give what a human part says about one recipient of the machine part; None where it says nothing."""
    if recipient is not None:
        for one in text.reasons:
            if one.recipient and one.recipient.lower() == recipient.lower():
                return one if one.says_anything else None
    alone = text.reasons[0] if len(text.reasons) == 1 else None
    return alone if alone and alone.says_anything and (recipient is None or alone.recipient is None) else None


def report_text(text: HumanText) -> str:
    """Give a human part without reply quoting and without the returned message behind it."""
    return "\n".join(text.cut[0])


def _split(lines: list[str]) -> tuple[list[str], list[str]]:
    """Cut a text where the returned message begins."""
    known = phrases().original.possible(lines)
    if not known:
        return lines, []
    first = next((at for at, line in enumerate(lines) if line.strip()), len(lines))
    end = len(lines)
    for pattern in known:
        match = pattern.match
        for at in range(first + 1, end):
            if match(lines[at]):
                end = at
                break
    return lines[:end], lines[end:]


def _paragraph(lines: list[str], at: int) -> int:
    """Give where the paragraph begins in which a line stands."""
    while at and lines[at - 1].strip():
        at -= 1
    return at


def _local_names(lines: list[str]) -> list[str]:
    """Give the mailbox names that stand alone on an indented line."""
    return [found.group(1) for line in lines if (found := _LOCAL_NAME.fullmatch(line))][:MAX_RECIPIENTS]


def _each(lines: list[str], action: Action, known: tuple[str, ...]) -> tuple[Said, ...]:
    """Give what is said of each recipient that the lines name."""
    named = list(_recipients(lines))
    return _of_each(lines, action, named) if named else _without_lines(lines, action, known)


def _of_each(lines: list[str], action: Action, named: list[tuple[int, str, str]]) -> tuple[Said, ...]:
    """Give what is said of each recipient that was found in the lines."""
    stops = [at for at, _, _ in named[1:]] + [len(lines)]
    around = Around(lines, named[0][0] if len(named) > 1 else None)
    shared: list[str] | None = None
    every: dict[str, Said] = {}
    for (at, recipient, rest), stop in zip(named, stops, strict=True):
        reason = _reason([*_answered_before(lines, at), rest, *_of_recipient(rest, lines[at + 1 : stop])])
        if not reason:
            reason = shared = _labelled(lines) if shared is None else shared
        one = Said(recipient, action, reason, around)
        before = every.get(recipient.lower())
        if (
            before is None
            or (not before.says_anything and one.says_anything)
            or (not _has_code(before) and _has_code(one))
        ):
            every[recipient.lower()] = one
        if len(every) >= MAX_RECIPIENTS:
            break
    return tuple(every.values())


def _reasons_above(lines: list[str], action: Action) -> tuple[Said, ...]:
    """Give what is said of each recipient where it stands above it; nothing where nothing stands above the first."""
    around = Around(lines)
    every: dict[str, Said] = {}
    above = 0
    for at, recipient, rest in _recipients(lines):
        reason = _reason([*lines[above:at], rest])
        above = at + 1
        if not reason and not every:
            return ()
        every.setdefault(recipient.lower(), Said(recipient, action, reason, around))
        if len(every) >= MAX_RECIPIENTS:
            break
    return tuple(every.values())


def _of_recipient(rest: str, following: list[str]) -> list[str]:
    """Give the lines that belong to a recipient: those right below; behind a blank line only a reply or a label."""
    if rest or not following or following[0].strip():
        return following
    searches = phrases().replies.searching(following)
    answer = next((at for at, line in enumerate(following) if any(search(line) for search in searches)), None)
    return _labelled(following) if answer is None else following[answer:]


def _answered_before(lines: list[str], at: int) -> list[str]:
    """Give what belongs to a recipient and stands above: the remote server's own words where sendmail sums them up in a
    reply of its own (`554 <…>... Service …`), and the program to which Exim gave the message for this address.
    """
    if lines[at].lstrip().startswith("generated by "):
        return [line for line in lines[max(0, at - 1) : at] if line.lstrip().startswith("pipe to |")]
    if "..." not in lines[at]:
        return []
    return [line for line in lines[max(0, at - 3) : at] if line.lstrip().startswith("<<<")][-1:]


def _has_code(one: Said | Failure) -> bool:
    return _CODE.match(one.diagnostic or "") is not None


def _recipients(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Give line number, address and the rest of the line, of each line that names a recipient."""
    current = ""
    patterns = phrases().recipient.possible([line for line in lines if "@" in line])
    for at, line in enumerate(lines if patterns else ()):
        if "@" not in line:
            current = current if current and line.strip() else ""
            continue
        if _is_header(line):
            continue
        for pattern in patterns:
            found = pattern.match(line)
            if found and (recipient := read_address(found.group("address"))):
                if at and _BROKEN_OFF.search(lines[at - 1]):
                    break
                if recipient.lower() != current:  # else a wrapped reply that repeats the address
                    yield at, recipient, found.groupdict().get("rest") or ""
                current = recipient.lower()
                break


def _is_header(line: str) -> bool:
    return _HEADER.match(line) is not None


def _without_lines(lines: list[str], action: Action, known: tuple[str, ...]) -> tuple[Said, ...]:
    """Read a report that names its recipients in a sentence or only in a header; the reason is then all of it."""
    recipients: list[str | None] = list(known)
    at = 0
    for at, line in enumerate(lines if not known else []):
        if _is_header(line):
            continue
        following = lines[at + 1].strip() if at + 1 < len(lines) and not _is_header(lines[at + 1]) else ""
        found = _sentence(line) or _sentence(f"{line} {following}")
        if found and (recipient := read_address(found.group("address"))):
            recipients = [recipient, *_after_commas(found.string[found.end() :])]
            break
    if recipients and not known and at and not _starts_reply(lines[at:]):
        at = _paragraph(lines, at)  # the reply stands above, and the sentence was broken within its last line
    text = _labelled(lines) or _reason(lines[at:] if recipients and not known else lines)
    around = Around(lines)
    return tuple(Said(one, action, text, around) for one in recipients or [None])


def _after_commas(rest: str) -> list[str]:
    """Give the further addresses of a line that lists several: `<anna@fabrikam.example>,<bo@fabrikam.example>`."""
    if not rest.startswith((",", ">,")):
        return []
    found = (read_address(one.group()) for _, one in zip(range(MAX_RECIPIENTS), _ADDRESS.finditer(rest), strict=False))
    return [one for one in found if one]


def _only_address(lines: list[str], own: frozenset[str]) -> str | None:
    """Give the one address that a server's text names, in whatever words, beside those to which its reader may turn."""
    found = {
        address
        for line in lines
        if "@" in line and not _is_header(line)
        for one in _ADDRESS.finditer(line)
        if (address := read_address(one.group().rstrip("."))) and address.lower() not in own
    }
    named = [one for one in found if not is_service(one)]
    return named[0] if len(named) == 1 else None


def _sentence(line: str) -> re.Match[str] | None:
    return next((found for search in phrases().sentences.searches if (found := search(line))), None)


def _reason(lines: list[str]) -> list[str]:
    """Give the lines of a reason: up to a line that ends it, or to the second paragraph."""
    out: list[str] = []
    is_end = phrases().end.match
    for line in lines[: MAX_REASON * 2]:
        bare = line.strip()
        if not bare:
            if len(out) > 1 and _starts_reply(out):
                break
        elif not is_end(bare):
            out.append(line)
            if len(out) >= MAX_REASON:
                break
        elif out:
            break
    return out


def _starts_reply(lines: list[str]) -> bool:
    return any(any(map(search, lines)) for search in phrases().replies.searching(lines))


def _labelled(lines: list[str]) -> list[str]:
    """Give the lines behind a label such as `The response from the remote server was:`."""
    searches = phrases().labels.searching(lines)
    for at, line in enumerate(lines if searches else ()):
        for search in searches:
            if found := search(line):
                rest = found.group("rest").strip()
                following: list[str] = []
                for one in lines[at + 1 : at + 1 + MAX_REASON]:
                    if not one.strip() and (rest or any(map(_tells, following))):
                        break
                    following.append(one)
                return _reason([rest, *following])
    return []


def _tells(line: str) -> bool:
    """True for a line of a reason, not a blank one or one that ends it."""
    return bool(line.strip()) and not phrases().end.match(line.strip())


def _reporter(lines: list[str]) -> str | None:
    """Give the server that says "this is the mail system at host …"."""
    searches = phrases().reporters.searching(lines[: MAX_REASON * 2])
    for line in lines[: MAX_REASON * 2] if searches else ():
        for search in searches:
            if found := search(line):
                return normal(found.group("host"))
    return None
