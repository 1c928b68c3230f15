"""SMTP replies as reports quote them: code, enhanced status code and text, unwrapped to the innermost cause.

Exchange nests replies: each server on the way puts its own reply around the one it was given. `unwrap` takes them
apart from the outside in and gives the last that has a code of its own. What follows it without a code (`Socket error
code 10061`) is a detail of that reply and stays in its text.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

import msgspec

from triage.decode.last_error import read_last_error
from triage.decode.reply_words import error_in, told
from triage.decode.straight import Straight
from triage.model import Reply
from triage.model.words import Phase

MAX_TEXT = 8192
"""Characters read of one diagnostic: RFC 5321 allows 512 octets a line, Exchange nests a handful of them."""
MAX_DEPTH = 12
"""Replies within replies; the deepest real chain known has five."""

_STATUS = r"[245]\.\d{1,3}\.\d{1,3}(?!\.?\d)"
_HEAD = re.compile(rf"(?P<code>[2-5]\d\d)(?=[ \-,:;#<(\"]|$)(?P<more>-?)[ ,:;-]*(?:#?(?P<status>{_STATUS}))?[ :;-]*")
_STATUS_HEAD = re.compile(rf"#?(?P<status>{_STATUS})[ :-]*")
_TYPE = re.compile(r"(?P<type>smtp|dns|unknown|x-[a-z0-9-]{1,40}) ?; ?", re.IGNORECASE)
_QUOTED_REPLY = re.compile(
    r"(?:\b(?:refused to talk to me|said|says|reason|responded|replied|response|returned|error|code)\b(?: with| was)?|<<<)"
    rf"[:;]? ?['\"(]?(?:smtp ?; ?)?(?=[45]\d\d[ -]|{_STATUS})",
    re.IGNORECASE,
)
_SAYING_HOST = re.compile(r"\bhost (?P<host>[^\s\[\]:]{1,255}):\d{1,5} (?:says|said):")
_BRACKET_HOST = re.compile(
    r"\b(?:host|(?:connection|conversation) with|connect to|error to|failed for|size limit \d{1,12} of server)"
    r" (?P<host>[^\s\[\]]{1,255}) ?"
    r"\[(?P<ip>[0-9A-Fa-f:.]{2,45})\]"
)
_TRIED = re.compile(r"\[(?P<host>[A-Za-z0-9.-]{3,255})\.? (?P<ip>[0-9A-Fa-f:.]{2,45}): [^\[\]]{1,100}\]")
"""Google's servers put the one last tried behind the words about it: `[mx.fabrikam.example. 192.0.2.1: timed out]`."""
_DIALLED = re.compile(r"\bdial tcp (?P<endpoint>[0-9A-Fa-f:.\[\]]{4,60}): ")
"""Servers written in Go call the one that they could not reach so: `dial tcp 192.0.2.1:25: connect: connection refused`."""
_EXIM_REPLY = re.compile(r"\bhost [^\s\[\]]{1,255} \[[0-9A-Fa-f:.]{2,45}\]: (?=[245]\d\d[ -])")
_QUOTED_IN_STATUS = re.compile(rf" (?P<code>[45]\d\d)-'(?P<said>{_STATUS} .*)'")
"""Cisco's gateways put the other server's reply into their own words: `5.1.0 - Unknown address error 550-'5.1.1 …'`."""
_CODE_AND_STATUS = re.compile(rf"(?<![\d.])(?P<code>[45]\d\d)[ -]#?(?P<status>{_STATUS})")
_TAGGED_STATUS = re.compile(rf"[A-Za-z]\w{{2,30}} (?P<status>{_STATUS})(?= )")
"""A word of the gateway between code and status: `550 cuda_nsu 5.1.1 …`."""
_MARKED_STATUS = re.compile(rf"(?:#|[(\[]|\bdsn=|\bstatus[:=] ?)(?P<status>{_STATUS})", re.IGNORECASE)
_IN_REPLY_TO = re.compile(r" ?\((?:in reply to|while) [^()]{1,80}\)\W{0,2}$")
_GIVING_UP = re.compile(r" (?:Giving up on|I'm not going to try again) ?(?P<ip>[0-9A-Fa-f:.]{2,45})?.{0,200}$")

_ARROW = re.compile(r" ?->\s?(?=#?[245]\d\d[ -])")
_QUOTE_WRAPPER = re.compile(
    r"(?:(?:target|primary target) IP address:|IP address responded with:?|setup failed on Frontend with:?) ?"
    r"(?P<quote>[\"'])",
    re.IGNORECASE,
)
_MESSAGE = re.compile(r" ?\[Message=")
_PAREN = re.compile(r" ?\((?=[245]\d\d[ -])")
_ANGLE = re.compile(
    r" ?<(?:[^\s<>#]{0,255} ?#[45]\.\d{1,3}\.\d{1,3} ?smtp ?; ?)?(?=[45]\d\d [45]\.\d{1,3}\.\d{1,3} )", re.IGNORECASE
)
"""Amazon's servers give up so: `550 4.4.7 Message expired: unable to deliver in 840 minutes.<421 4.4.0 …>`, and Exchange
2007 and 2010 quote so behind a code of their own: `554 5.4.0 <mx.example #4.1.8 smtp;450 4.1.8 …>`."""
_SIGNS = (
    (("->",), _ARROW),
    (("ip address", "frontend"), _QUOTE_WRAPPER),
    (("[message=",), _MESSAGE),
    (("(2", "(4", "(5"), _PAREN),
    (("<4", "<5", "smtp;", "smtp ;"), _ANGLE),
)
"""What shows that a reply wraps another, and the words of which each of them has one."""
_BRACKETS = {_MESSAGE: "[]", _ANGLE: "<>"}
_AROUND = ("(", "[", "->", "'", '"', "<4", "<5", "#")
"""What stands around a reply that is wrapped, or before it."""
_DOTTED = ("2.", "4.", "5.")
"""The beginning of every enhanced status code."""
_CODES_ALONE = re.compile(r"(?:[\d.-]+ )*")
_NOTE = re.compile(r" ?\[(?P<key>LastAttemptedServerName|LastAttemptedIP|SmtpSecurity)=(?P<value>[^\]]{0,300})\]")
_ENDPOINT = re.compile(r"last endpoint attempted was (?P<endpoint>[^\s'\"]{2,60})")
_PROXY_TARGET = re.compile(r"OutboundProxyTarget(?P<key>IP|HostName): ?(?P<value>[^\s\]]{2,255})")
_STAMP = re.compile(
    r" ?\[(?P<host>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+){1,5}\.(?:outlook\.com|outlook\.cn|outlook\.de|office365\.us))"
    r"(?: (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z (?P<id>[0-9A-Z]{1,32}))?\]",
    re.IGNORECASE,
)
_GEN2 = re.compile(r"<(?P<host>[^\s<>#]{1,255})? ?#(?P<status>[245]\.\d{1,3}\.\d{1,3}) ?smtp ?; ?")
_REMOTE_GEN2 = re.compile("#" + _GEN2.pattern)
"""Exchange 2007 and 2010 put the answering server there; without the first `#` it is Exchange 2003's own name."""
_EXPIRED = re.compile(r"QUEUE\.Expired|message (?:has )?expired|message delayed", re.IGNORECASE)
_EXPIRY_STATUS = re.compile(r"[45]\.4\.(?:7|300)")

_LIKE_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)
"""An address in the only spelling that IPv4 has."""

_STRAIGHT = Straight(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201a": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u00a0": " ",
        "\u2192": "->",
    }
)


class Unwrapped(msgspec.Struct, frozen=True, kw_only=True):
    """What one diagnostic text says.

    `cause` is the innermost reply that has a code (or, where none has, the text alone); `wrappers` are the replies
    around it, outermost first. `receiving_host` and `receiving_ip` are the server last tried, as the text names it.
    `frontend_host` and `frontend_ip` are the sender's own front end where the text says that a proxy session failed.
    `error` is the name that the text gives: a .NET SocketError or SSPI status name, a certificate word, or
    "Winsock 10060" where a Winsock number stands (the number says more than the generic name beside it).
    `required` is True where the text says that TLS is demanded, else None. `stamped_by` is the host in Exchange
    Online's closing brackets, `time` its UTC time (RFC 3339). `last_retry` is the server's local time as written.
    """

    cause: Reply
    wrappers: tuple[Reply, ...] = ()
    receiving_host: str | None = None
    receiving_ip: str | None = None
    frontend_host: str | None = None
    frontend_ip: str | None = None
    stamped_by: str | None = None
    error: str | None = None
    phase: Phase | None = None
    required: bool | None = None
    time: str | None = None
    last_retry: str | None = None


def flat(text: str) -> str:
    """Put a text on one line: straight quotes, one space for each run of white space and line breaks."""
    text = text[: MAX_TEXT * 2]
    return " ".join(_STRAIGHT.of(text).split())[:MAX_TEXT]


def unwrap(text: str) -> Unwrapped:
    """Take a diagnostic text, a queue's LastError or a quoted reply apart down to its cause. Never raises."""
    whole = flat(text)
    groups = read_last_error(whole)
    rest, exit_status = _without_type(groups.error if groups else whole)
    replies: list[Reply] = []
    for _ in range(MAX_DEPTH):
        reply, inner = _peel(rest, exit_status)
        replies.append(reply)
        if inner is None:
            break
        rest = _without_type(inner)[0]
    cause = replies.pop()
    host, ip = _receiver(whole)
    frontend_host: str | None = None
    frontend_ip: str | None = None
    if groups and "setup failed on frontend" in whole.lower():
        frontend_host, frontend_ip = groups.host, address(groups.ip)
    elif groups:
        host, ip = host or groups.host, ip or address(groups.ip)
    stamp = _STAMP.search(whole) if "[" in whole else None
    spoken = cause.text or ""
    alone = whole.endswith(spoken) and _CODES_ALONE.fullmatch(whole, 0, len(whole) - len(spoken)) is not None
    error, phase, required = told(whole, cause, alone=alone)
    return Unwrapped(
        cause=cause,
        wrappers=tuple(replies),
        receiving_host=host,
        receiving_ip=ip,
        frontend_host=frontend_host,
        frontend_ip=frontend_ip,
        stamped_by=stamp.group("host") if stamp else None,
        error=error,
        phase=phase,
        required=required,
        time=f"{stamp.group('time')}Z" if stamp and stamp.group("time") else None,
        last_retry=groups.last_retry if groups else None,
    )


def is_expiry(reply: Reply) -> bool:
    """True for the reply with which a server gives up or announces a delay: RFC 3463 x.4.7 is never a root cause."""
    if reply.text and _may_expire(reply.text) and _EXPIRED.search(reply.text):
        return not error_in(reply.text)
    return reply.status is not None and _EXPIRY_STATUS.fullmatch(reply.status) is not None and not reply.text


def _may_expire(text: str) -> bool:
    lower = text.lower()
    return "expired" in lower or "delayed" in lower or not text.isascii()


def address(text: str | None) -> str | None:
    """Give an IP address in its usual spelling; None for anything else (names, masked digits, empty)."""
    if not text:
        return None
    text = text.strip().strip("[]").removeprefix("IPv6:").split("%")[0]
    if not _LIKE_ADDRESS.fullmatch(text):
        return None  # names are asked about far more often than addresses
    if _IPV4.fullmatch(text):
        return text
    try:
        found = ip_address(text)
        # RFC 4291 §2.5.5.2: a host that speaks both writes an address of IPv4 so.
        return str(found.ipv4_mapped if isinstance(found, IPv6Address) and found.ipv4_mapped else found)
    except ValueError:
        return None


def endpoint_address(text: str) -> str | None:
    """Give the address of `ip:port`, `[ip]:port` or `ip` alone."""
    text = text.rstrip(".,;'\")")
    if text.startswith("["):
        return address(text[1:].partition("]")[0])
    head, colon, port = text.rpartition(":")
    if colon and port.isdigit() and (found := address(head)):
        return found
    return address(text)


def _without_type(text: str) -> tuple[str, bool]:
    """Take off what stands before a reply: `smtp;`, `#`, `host #`; True where the number is no reply code (x-unix)."""
    exit_status = False
    for _ in range(3):
        text = text.lstrip(" #'\"") if not text.startswith("#<") else text[1:]
        found = _TYPE.match(text)
        if not found:
            break
        exit_status = exit_status or found.group("type").lower() == "x-unix"
        text = text[found.end() :]
    return text, exit_status


def _peel(text: str, exit_status: bool) -> tuple[Reply, str | None]:
    """Read the outermost reply of `text` and give what it wraps; None where it wraps no other reply."""
    if gen2 := _GEN2.match(text):
        quoted = text[gen2.end() :].split("> #SMTP#")[0].rstrip("> ")
        return Reply(status=gen2.group("status")), quoted
    text = _quoted_reply(text)
    own, inner = _split(text)
    if exit_status:
        return Reply(text=own or None), None
    return _reply(own), inner


def _quoted_reply(text: str) -> str:
    """Cut `host mx.example[192.0.2.1] said: ` and the like off a text that has no code of its own in front."""
    if _HEAD.match(text) or _STATUS_HEAD.match(text):
        return text
    found = (_EXIM_REPLY.search(text) if "host " in text else None) or _QUOTED_REPLY.search(text)
    if not found:
        return text
    return text[found.end() :].rstrip("'")


def _split(text: str) -> tuple[str, str | None]:
    """Split a reply into what its server says itself and the reply it wraps, at the first sign of wrapping."""
    if "-'" in text and (quoted := _QUOTED_IN_STATUS.search(text)) and _STATUS_HEAD.match(text):
        return text[: quoted.start()], f"{quoted.group('code')} {quoted.group('said')}"
    signs = list(_signs(text)) if any(map(text.__contains__, _AROUND)) else []
    signs = [sign for sign in signs if sign.re is not _PAREN or _wraps_in_parentheses(text[: sign.start()])]
    if not signs:
        return text, None
    sign = min(signs, key=lambda found: found.start())
    own = text[: sign.start()]
    if sign.re is _ARROW:
        return own, text[sign.end() :]
    if sign.re is _QUOTE_WRAPPER:
        inner = _within_quotes(text, sign.end(), sign.group("quote"))
        own = text[: sign.end() - 1].rstrip(" :")
    else:
        inner = _within(text, sign.end(), *_BRACKETS.get(sign.re, "()"))
    if _HEAD.match(_without_type(inner)[0]):
        return own, inner
    if sign.re is _MESSAGE:
        return f"{own} [Message={inner}]", None
    return f'{own}: "{inner}"', None


def _signs(text: str) -> Iterator[re.Match[str]]:
    """Give the first of each sign of wrapping."""
    lower = text.lower()
    for words, sign in _SIGNS:
        if any(map(lower.__contains__, words)) and (found := sign.search(text)):
            yield found


def _wraps_in_parentheses(own: str) -> bool:
    """True for Exchange Online's own expiry and session replies, which put the inner reply in parentheses."""
    head = _HEAD.match(own)
    return bool(head and head.group("status") and re.match(r"[45]\.[47]\.3\d\d$", head.group("status")))


def _within_quotes(text: str, start: int, quote: str) -> str:
    """Give what stands between a quote and its partner: the last one before the failover sentence or the end."""
    stop = text.find("Attempted ", start) if quote == '"' else -1
    if stop < 0:
        stop = len(text)
    end = text.rfind(quote, start, stop)
    inner = text[start : end if end >= 0 else stop].strip()
    # Copied out of a CSV, the quotes are doubled.
    return inner.strip(quote) if inner.startswith(quote) else inner


def _within(text: str, start: int, opening: str, closing: str) -> str:
    """Give what stands up to the bracket that closes the one before `start`; all of it where none does."""
    depth = 1
    for index in range(start, len(text)):
        if text[index] == opening:
            depth += 1
        elif text[index] == closing:
            depth -= 1
            if depth == 0:
                return text[start:index]
    notes = _NOTE.search(text, start)
    return text[start : notes.start() if notes else len(text)]


def _reply(text: str) -> Reply:
    """Read code, status and text of one reply."""
    text = (_NOTE.sub("", text) if "[" in text else text).strip().removesuffix("##").rstrip("# ")
    code = status = None
    whole = text
    head = _HEAD.match(text)
    if head and _is_code(head):
        code, status = int(head.group("code")), head.group("status")
        text = _joined(text[head.end() :], head)
    elif only := _STATUS_HEAD.match(text):
        status, text = only.group("status"), text[only.end() :]
    elif found := _CODE_AND_STATUS.search(text):
        code, status = int(found.group("code")), found.group("status")
    if status is None and any(map(whole.__contains__, _DOTTED)):
        status = _status_within(whole, text, code)
    text = _IN_REPLY_TO.sub("", text) if "(in reply to" in text or "(while" in text else text
    text = (_GIVING_UP.sub("", text) if "Giving up" in text or "not going to" in text else text).strip()
    return Reply(reply_code=code, status=status, text=text or None)


def _status_within(whole: str, text: str, code: int | None) -> str | None:
    """Give the status that stands elsewhere: behind a gateway's word, in the reply of the server behind it, or marked."""
    if (tagged := _TAGGED_STATUS.match(text)) and tagged.group("status")[0] == str(code)[:1]:
        return tagged.group("status")
    if (quoted := _CODE_AND_STATUS.search(whole)) and int(quoted.group("code")) == code:
        return quoted.group("status")
    marked = _MARKED_STATUS.search(text)
    return marked.group("status") if marked else None


def _is_code(head: re.Match[str]) -> bool:
    """True where the number can be a reply code: RFC 5321 §4.2.1 knows second digits 0 to 5, providers also use 7."""
    code = head.group("code")
    return code[0] in "245" and (head.group("status") is not None or code[1] in "012357")


def _joined(text: str, head: re.Match[str]) -> str:
    """Join the lines of a multi-line reply (RFC 5321 §4.2.1): each repeats the code, and mostly the status."""
    code, status = head.group("code"), head.group("status")
    if code not in text:
        return text.strip()
    if status:
        return re.sub(rf"(?:^|(?<=\s)){code}[ -]{re.escape(status)} ?", "", text).strip()
    if head.group("more"):
        return re.sub(rf"(?<=\s){code}[ -] ?", "", text).strip()
    return text.strip()


def _receiver(text: str) -> tuple[str | None, str | None]:
    """Give name and address of the server last tried, as far as the text names them."""
    host = ip = None
    for note in _NOTE.finditer(text) if "[" in text else ():
        if note.group("key") == "LastAttemptedServerName":
            host = host or note.group("value").strip() or None
        elif note.group("key") == "LastAttemptedIP":
            ip = ip or endpoint_address(note.group("value"))
    for target in _PROXY_TARGET.finditer(text) if "OutboundProxy" in text else ():
        if target.group("key") == "IP":
            ip = ip or endpoint_address(target.group("value"))
        else:
            host = host or target.group("value").rstrip(".")
    if "last endpoint" in text and (found := _ENDPOINT.search(text)):
        ip = ip or endpoint_address(found.group("endpoint"))
    if "[" in text and (found := _BRACKET_HOST.search(text)):
        host, ip = host or found.group("host"), ip or address(found.group("ip"))
    if host is None and ip is None and "[" in text and (found := _TRIED.search(text)):
        host, ip = found.group("host"), address(found.group("ip"))
    if ip is None and "dial tcp " in text and (found := _DIALLED.search(text)):
        ip = endpoint_address(found.group("endpoint"))
    saying = _SAYING_HOST.search(text) if "host " in text else None
    if found := saying or (_REMOTE_GEN2.search(text) if "#" in text else None):
        host = host or found.group("host")
    if host and (as_ip := address(host)):
        return None, ip or as_ip
    return host, ip
