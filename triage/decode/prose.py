"""The human part of a report of any mail server but Exchange: qmail, Exim, Postfix, sendmail, Gmail, Notes and more.

What servers say is data (`phrases/prose.toml`). A text is a report where it opens with a sentence of a mail server;
the lines that name a recipient then cut it into one reason for each, and in the reason stands the reply.
"""

import re
from collections.abc import Iterator
from functools import cached_property

import msgspec

from triage.decode.failure import ADDRESS, Failure, read_address
from triage.decode.limits import MAX_LINE, MAX_RECIPIENTS
from triage.decode.prose_lines import text_lines
from triage.decode.prose_opening import introduction_of
from triage.decode.prose_reply import reply_in
from triage.decode.prose_words import phrases
from triage.decode.reply import address as ip_of
from triage.decode.x400 import status_in
from triage.hosts import normal
from triage.model.words import Action

MAX_FORWARDS = 4
"""Lines such as `-----Original Message-----` behind which a report is looked for: one for each time it was passed on."""
MAX_REASON = 30
"""Lines of one reason."""

_ADDRESS = re.compile(ADDRESS)
_LOCAL_NAME = re.compile(r"[ \t]{1,20}([A-Za-z][A-Za-z0-9._-]{1,63})")
_HEADER = re.compile(r"\s{0,20}(?:To|From|Cc|Subject|Date|Sent|Reply-To|Message-I[Dd])\s{0,4}:")
_REFUSED = re.compile(r"5\d\d\b")


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
    def reasons(self) -> tuple[Failure, ...]:
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
    failures = _reasons_above(rest, introduction.action) if introduction.reason_first else ()
    if not any(map(_has_code, failures)):
        below = _failures(rest, introduction.action, known)
        failures = below if any(map(_has_code, below)) else failures or below
    if not any(one.diagnostic for one in failures) and (above := _labelled(report[:start])):
        failures = tuple(_failure(one.recipient, one.action, above, report) for one in failures)
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
    failures = _without_lines(report, "failed", known)
    return Prose(mailer="", strong=False, failures=failures, original="\n".join(original))


def read_wordless(text: HumanText, own: frozenset[str]) -> Prose | None:
    """Give what a mail system says in words that no phrase knows: a final reply about the one address that it names."""
    report, original = text.cut
    if not _starts_reply(report) or (recipient := _only_address(report, own)) is None:
        return None
    failures = _without_lines(report, "failed", (recipient,))
    if not _REFUSED.match(failures[0].diagnostic or ""):
        return None  # a reply of class 4 stands in reports of a failure and of a delay
    return Prose(
        mailer="", reported_by=_reporter(report), strong=False, failures=failures, original="\n".join(original)
    )


def reason_for(text: HumanText, recipient: str | None) -> Failure | None:
    """Give what a human part says about one recipient of the machine part; None where it says nothing."""
    if recipient is not None:
        for one in text.reasons:
            if one.recipient and one.recipient.lower() == recipient.lower():
                return one if one.diagnostic else None
    alone = text.reasons[0] if len(text.reasons) == 1 else None
    return alone if alone and alone.diagnostic and (recipient is None or alone.recipient is None) else None


def report_text(text: HumanText) -> str:
    """Give a human part without reply quoting and without the returned message behind it."""
    return "\n".join(text.cut[0])


def _split(lines: list[str]) -> tuple[list[str], list[str]]:
    """Cut a text where the returned message begins."""
    known = phrases().original.possible(lines)
    for at, line in enumerate(lines if known else ()):
        if line and any(pattern.match(line) for pattern in known) and any(one.strip() for one in lines[:at]):
            return lines[:at], lines[at:]
    return lines, []


def _local_names(lines: list[str]) -> list[str]:
    """Give the mailbox names that stand alone on an indented line."""
    return [found.group(1) for line in lines if (found := _LOCAL_NAME.fullmatch(line))][:MAX_RECIPIENTS]


def _failures(lines: list[str], action: Action, known: tuple[str, ...]) -> tuple[Failure, ...]:
    """Give one failure for each recipient that the lines name."""
    named = list(_recipients(lines))
    return _of_each(lines, action, named) if named else _without_lines(lines, action, known)


def _of_each(lines: list[str], action: Action, named: list[tuple[int, str, str]]) -> tuple[Failure, ...]:
    """Give one failure for each recipient that was found in the lines."""
    stops = [at for at, _, _ in named[1:]] + [len(lines)]
    common = _common(lines, named[0][0]) if len(named) > 1 else lines
    shared: list[str] | None = None
    failures: dict[str, Failure] = {}
    for (at, recipient, rest), stop in zip(named, stops, strict=True):
        reason = _reason([*_answered_before(lines, at), rest, *_of_recipient(rest, lines[at + 1 : stop])])
        if not reason:
            reason = shared = _labelled(lines) if shared is None else shared
        one = _failure(recipient, action, reason, common)
        before = failures.get(recipient.lower())
        if (
            before is None
            or (before.diagnostic is None and one.diagnostic)
            or (not _has_code(before) and _has_code(one))
        ):
            failures[recipient.lower()] = one
        if len(failures) >= MAX_RECIPIENTS:
            break
    return tuple(failures.values())


def _reasons_above(lines: list[str], action: Action) -> tuple[Failure, ...]:
    """Give one failure for each recipient where the reason stands above it; none where nothing stands above the first."""
    failures: dict[str, Failure] = {}
    above = 0
    for at, recipient, rest in _recipients(lines):
        reason = _reason([*lines[above:at], rest])
        above = at + 1
        if not reason and not failures:
            return ()
        failures.setdefault(recipient.lower(), _failure(recipient, action, reason, lines))
        if len(failures) >= MAX_RECIPIENTS:
            break
    return tuple(failures.values())


def _common(lines: list[str], first: int) -> list[str]:
    """Give what several recipients share: what stands above the first, and a transcript of one session below them."""
    at = next(
        (at for at, line in enumerate(lines) if any(one.search(line) for one in phrases().transcripts)), len(lines)
    )
    hosts = {_server([line]) for line in lines[at:]} - {(None, None)}
    return [*lines[: min(at, first)], *(lines[at:] if len(hosts) == 1 else ())]


def _of_recipient(rest: str, following: list[str]) -> list[str]:
    """Give the lines that belong to a recipient: those right below; behind a blank line only a reply or a label."""
    if rest or not following or following[0].strip():
        return following
    answer = next((at for at, line in enumerate(following) if _starts_reply([line])), None)
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


def _has_code(failure: Failure) -> bool:
    return re.match(r"[45]\d\d\b", failure.diagnostic or "") is not None


def _recipients(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Give line number, address and the rest of the line, of each line that names a recipient."""
    current = ""
    patterns = phrases().recipient.possible([line for line in lines if "@" in line])
    for at, line in enumerate(lines if patterns else ()):
        if not line.strip():
            current = ""
        if "@" not in line or _is_header(line):
            continue
        for pattern in patterns:
            found = pattern.match(line)
            if found and (recipient := read_address(found.group("address"))):
                if recipient.lower() != current:  # else a wrapped reply that repeats the address
                    yield at, recipient, found.groupdict().get("rest") or ""
                current = recipient.lower()
                break


def _is_header(line: str) -> bool:
    return _HEADER.match(line) is not None


def _without_lines(lines: list[str], action: Action, known: tuple[str, ...]) -> tuple[Failure, ...]:
    """Read a report that names its recipients in a sentence or only in a header; the reason is then all of it."""
    recipients = list(known)
    at = 0
    for at, line in enumerate(lines if not known else []):
        if _is_header(line):
            continue
        following = lines[at + 1].strip() if at + 1 < len(lines) and not _is_header(lines[at + 1]) else ""
        found = _sentence(line) or _sentence(f"{line} {following}")
        if found and (recipient := read_address(found.group("address"))):
            recipients = [recipient, *_after_commas(line[found.end() :])]
            break
    text = _labelled(lines) or _reason(lines[at:] if recipients and not known else lines)
    return tuple(_failure(one, action, text, lines) for one in recipients) or (_failure(None, action, text, lines),)


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
    named = [one for one in found if one.partition("@")[0].lower() not in phrases().service]
    return named[0] if len(named) == 1 else None


def _sentence(line: str) -> re.Match[str] | None:
    return next((found for pattern in phrases().sentences if (found := pattern.search(line))), None)


def _reason(lines: list[str]) -> list[str]:
    """Give the lines of a reason: up to a line that ends it, or to the second paragraph."""
    out: list[str] = []
    bares = [line.strip() for line in lines[: MAX_REASON * 2]]
    ends = phrases().ends.possible(bares)
    for line, bare in zip(lines, bares, strict=False):
        if bare and any(pattern.match(bare) for pattern in ends):
            if out:
                break
            continue
        if not bare and out and len(out) > 1 and _starts_reply(out):
            break
        if bare:
            out.append(line)
        if len(out) >= MAX_REASON:
            break
    return out


def _starts_reply(lines: list[str]) -> bool:
    return any(pattern.search(line) for pattern in phrases().replies.possible(lines) for line in lines)


def _labelled(lines: list[str]) -> list[str]:
    """Give the lines behind a label such as `The response from the remote server was:`."""
    patterns = phrases().labels.possible(lines)
    for at, line in enumerate(lines if patterns else ()):
        for pattern in patterns:
            if found := pattern.search(line):
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
    return bool(line.strip()) and not any(pattern.match(line.strip()) for pattern in phrases().ends)


def _failure(recipient: str | None, action: Action, reason: list[str], lines: list[str]) -> Failure:
    diagnostic = reply_in(reason)
    host, ip = _server(reason)
    if host is None and ip is None:
        host, ip = _server(lines[:MAX_REASON])
    ip = ip_of(ip) or ip_of(host)
    name = None if ip_of(host) else normal(host)
    return Failure(
        recipient=recipient,
        action=action,
        status=status_in("\n".join(reason)),
        diagnostic=diagnostic,
        receiving_host=name,
        receiving_ip=ip,
    )


def _reporter(lines: list[str]) -> str | None:
    """Give the server that says "this is the mail system at host …"."""
    patterns = phrases().reporters.possible(lines[: MAX_REASON * 2])
    for line in lines[: MAX_REASON * 2] if patterns else ():
        for pattern in patterns:
            if found := pattern.search(line):
                return normal(found.group("host"))
    return None


def _server(lines: list[str]) -> tuple[str | None, str | None]:
    """Give name and IP address of the server at the other end, as far as the lines name them."""
    texts = [line.strip() for line in lines]
    texts.append(" ".join(texts)[: MAX_LINE * 4].strip())
    for pattern in phrases().servers.possible(texts):
        for text in texts:
            if found := pattern.search(text):
                groups = found.groupdict()
                return groups.get("host"), groups.get("ip")
    return None, None
