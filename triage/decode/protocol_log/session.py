"""One SMTP session as its rows tell it: how far it came, what was offered, what went wrong.

Rows are the bulk of the work, so each is told by its event and the first four bytes of its data: most need nothing.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

from triage.decode.protocol_log.fields import SMTP_PORTS, Row, context_of, data_of, port_of, unquoted
from triage.decode.reply_words import requires_tls

Side = Literal["send", "receive"]
Step = Literal[
    "connect", "banner", "ehlo", "starttls", "handshake", "handshake-failed", "ready", "auth", "envelope", "data"
]
Handler = Callable[["Session", bytes], None]

_PROTOCOL = re.compile(rb"SP_PROT[_-](?:TLS1_(?P<minor>[0-3])|SSL)")
_CIPHER = re.compile(rb"bulk encryption algorithm ([A-Za-z0-9_]{1,40})")
_TLS_ERROR = re.compile(r"negotiation failed with error (?P<name>[A-Za-z0-9_]{1,60})")
_MASKED_BANNER = re.compile(rb"220[ -][^,]{0,200}\*{4}")
_MASKED_REPLY = re.compile(rb"250[ -](?:[^,]{0,200} )?X{3,30}[A-Z]?(?=[ ,\r]|$)")
_MASKED_COMMAND = re.compile(rb"X{4} [^ ,]{1,255}(?=[,\r]|$)")
"""EHLO with its verb overwritten; its name is left. Other masked verbs are not told from what anybody may send."""
_DULL = frozenset(
    b"250-" + name for name in (b"SIZE", b"PIPE", b"DSN,", b"ENHA", b"8BIT", b"BINA", b"CHUN", b"AUTH", b"SMTP")
)
"""Rows of an answer to EHLO that tell nothing, most of the answer: passed over at once."""


class Session:
    """What is known of one session so far. `step` is the last step begun; texts are as the log gives them."""

    __slots__ = (
        "anonymous", "auth_text", "awaited", "banner", "cipher", "client_name", "connect_text", "connected", "connector",
        "continued", "demand", "ended", "failed_text", "first", "from_start", "go", "greeting", "handed", "key", "last",
        "last_chunk", "local", "masked", "offered", "quit", "refusal", "refused_at", "remote", "secured", "side", "step",
        "tls_error", "version",
    )  # fmt: skip

    def __init__(self, side: Side, row: Row) -> None:
        """`row` is the first of the session that is there, which need not be its first."""
        self.key, self.side, self.connector, self.local, self.remote = (
            row.session,
            side,
            unquoted(row.connector),
            row.local,
            row.remote,
        )
        self.first = self.last = row.time
        self.from_start = row.sequence == b"0" or row.event == b"+"
        self.connected = False
        """Whether the row that tells of the connection was seen: a second one begins another session."""
        self.step: Step = "connect"
        self.banner: bytes | None = None
        self.client_name: bytes | None = None
        self.greeting: bytes | None = None
        self.masked: bytes | None = None
        self.offered: bool | None = None
        """Whether STARTTLS stood in the answer to the first EHLO; None where no whole answer was seen."""
        self.anonymous = False
        """Whether X-ANONYMOUSTLS stood there: TLS among servers of one organization, which no other can use."""
        self.secured = False
        self.version: bytes | None = None
        self.cipher: bytes | None = None
        self.tls_error: str | None = None
        self.failed_text: str | None = None
        self.demand: str | None = None
        self.connect_text: str | None = None
        self.auth_text: str | None = None
        self.refusal: str | None = None
        self.refused_at: Step = "connect"
        self.continued = False
        self.go = self.last_chunk = self.quit = False
        self.awaited = 0
        """Commands without an answer so far: a client may send several ahead (PIPELINING, RFC 2920)."""
        self.handed = 0
        self.ended: str | None = None

    @property
    def handlers(self) -> dict[bytes, Handler]:
        """Give what to do with a row of this session, by its first bytes from the event on."""
        return HANDLERS[self.side]

    def plain(self) -> list[Any]:
        """Give all that is known as plain data (bytes, texts, numbers), from which `session_of` makes it again."""
        return [getattr(self, name) for name in Session.__slots__]


def session_of(plain: Sequence[Any]) -> Session:
    """Make a session of what its `plain` gave."""
    session = Session.__new__(Session)
    for name, value in zip(Session.__slots__, plain, strict=True):
        setattr(session, name, value)
    return session


def side_of(local: bytes, remote: bytes, event: bytes, rest: bytes) -> Side:
    """Tell a Send from a Receive session by its first row, where no header says it.

    Who listens on a mail port receives; so does who is told EHLO, or gives a banner.
    """
    here, there = port_of(local) in SMTP_PORTS, port_of(remote) in SMTP_PORTS
    if here is not there:
        return "receive" if here else "send"
    if event == b"<":
        return "receive" if rest[:4].upper() in (b"EHLO", b"HELO", b"STAR", b"MAIL") else "send"
    return "receive" if event == b">" and rest[:3].isdigit() else "send"


# What the client says


def _ehlo(session: Session, rest: bytes) -> None:
    if session.step == "handshake":  # the log left out how the handshake went: a second EHLO follows a good one only
        session.secured = True
    session.refusal = None
    session.awaited = 0
    if not session.secured:
        session.step = "ehlo"
        session.offered = None
    else:
        session.step = "ready"
    if session.client_name is None:
        session.client_name = rest[5:300]


def _masked_ehlo(session: Session, rest: bytes) -> None:
    if session.masked is None and _MASKED_COMMAND.match(rest):
        session.masked = rest[:300]


def _starttls(session: Session, rest: bytes) -> None:
    if rest[:12].upper().startswith((b"STARTTLS", b"X-ANONYMOUST")):
        session.step = "starttls"


def _auth(session: Session, _: bytes) -> None:
    session.step = "auth"
    session.refusal = None


def _mail(session: Session, _: bytes) -> None:
    session.step, session.refusal = "envelope", None
    session.awaited += 1


def _recipient(session: Session, _: bytes) -> None:
    session.awaited += 1


def _data(session: Session, _: bytes) -> None:
    session.step, session.last_chunk, session.go, session.refusal = "data", True, False, None


def _bdat(session: Session, rest: bytes) -> None:
    session.step, session.last_chunk, session.go, session.refusal = "data", b"LAST" in rest[:40].upper(), True, None
    session.awaited += 1


def _reset(session: Session, _: bytes) -> None:
    session.step = "ready" if session.step in ("envelope", "data") else session.step
    session.awaited += 1


def _quit(session: Session, _: bytes) -> None:
    session.quit = True


# What the server says


def _220(session: Session, rest: bytes) -> None:
    if session.step == "starttls":
        session.step = "handshake"
    elif session.banner is None and session.step == "connect":
        session.banner, session.step = rest[:300], "banner"
        if b"****" in session.banner and _MASKED_BANNER.match(session.banner.lstrip(b'"')):
            session.masked = session.banner


def _250(session: Session, rest: bytes) -> None:
    if session.step == "ehlo":
        if rest[:8] not in _DULL:
            _capability(session, rest)
        return
    text = rest.lstrip(b'"')
    if session.awaited and text[3:4] != b"-":
        session.awaited -= 1
    if session.step == "data" and session.go and session.last_chunk and not session.awaited and text[4:7] != b"2.1":
        session.handed += 1  # 2.1.x answers MAIL and RCPT, of which a cut log may lack the commands
        session.step, session.go = "ready", False


def _capability(session: Session, rest: bytes) -> None:
    """Read one row of the answer to EHLO: one capability, or all of them on one row, as builds differ."""
    text = rest.lstrip(b'"')
    if session.greeting is None:
        session.greeting = text[:1000]
    if b"X-ANONYMOUSTLS" in text:
        session.anonymous = True
    if b"STARTTLS" in text:
        session.offered = True
    elif b"XXX" in text and session.masked is None and _MASKED_REPLY.match(text):
        session.masked = text[:300]
    if session.offered is None and text[3:4] == b" ":
        session.offered = False


def _354(session: Session, _: bytes) -> None:
    session.go, session.awaited = True, 1


def _refused(session: Session, rest: bytes) -> None:
    text = data_of(rest) or context_of(rest)
    if requires_tls(text):
        session.demand = session.demand or text
    if session.continued and session.refusal:
        session.refusal = f"{session.refusal} {text}"[:1000]
    else:
        session.refusal, session.refused_at = text, session.step
    session.continued = text[3:4] == "-"
    if session.awaited and not session.continued:
        session.awaited -= 1


# What the log notes


def _noted(session: Session, rest: bytes) -> None:
    if b"ailed to connect" in rest or b"ailed connection" in rest:
        session.connect_text = context_of(rest)
    elif b"uthentication failed" in rest:
        session.auth_text = context_of(rest)


def _tls(session: Session, rest: bytes) -> None:
    if b"negotiation succeeded" in rest:
        session.secured, session.step = True, "ready"
        found = _PROTOCOL.search(rest)
        session.version = found["minor"] if found else None
        cipher = _CIPHER.search(rest)
        session.cipher = cipher[1] if cipher else None
    elif b"negotiation failed" in rest:
        session.failed_text = context_of(rest)
        session.step = "handshake-failed"
        named = _TLS_ERROR.search(session.failed_text)
        session.tls_error = named["name"] if named else None


_CLIENT: dict[bytes, Handler] = {
    b"EHLO": _ehlo, b"HELO": _ehlo, b"STAR": _starttls, b"X-AN": _starttls, b"AUTH": _auth, b"X-EX": _auth,
    b"MAIL": _mail, b"RCPT": _recipient, b"DATA": _data, b"BDAT": _bdat, b"RSET": _reset, b"QUIT": _quit,
    b"XXXX": _masked_ehlo,
}  # fmt: skip
_SERVER: dict[bytes, Handler] = {
    **{b"%d%s" % (code, more): _refused for code in range(400, 600) for more in (b" ", b"-", b",")},
    **{b'"%d' % code: _refused for code in range(400, 600)},
    b"220 ": _220, b"220-": _220, b'"220': _220,
    **{b"%d%s" % (code, more): _250 for code in (250, 251, 252) for more in (b" ", b"-", b",")},
    **{b'"%d' % code: _250 for code in (250, 251, 252)},
    b"354 ": _354, b"354,": _354, b'"354': _354,
}  # fmt: skip
_NOTES: dict[bytes, Handler] = {
    b",TLS": _tls, b',"TL': _tls, b"TLS ": _tls, b'"TLS': _tls,
    b",Fai": _noted, b',"Fa': _noted, b",fai": _noted, b"Fail": _noted, b'"Fai': _noted,
    b",Out": _noted, b",Inb": _noted, b'"Out': _noted, b'"Inb': _noted,
    **{b",%d" % code: _refused for code in range(400, 600)}, **{b"%d " % code: _refused for code in range(400, 600)},
    **{b',"%d' % tens: _refused for tens in range(40, 60)}, **{b'"%d' % code: _refused for code in range(400, 600)},
}  # fmt: skip


def _handlers(client: bytes, server: bytes) -> dict[bytes, Handler]:
    quoted_verbs = {b'"' + verb[:3]: handler for verb, handler in _CLIENT.items()}
    by_role = ((client, _CLIENT), (client, quoted_verbs), (server, _SERVER), (b"*", _NOTES))
    return {event + b"," + start: handler for event, role in by_role for start, handler in role.items()}


HANDLERS: dict[Side, dict[bytes, Handler]] = {"send": _handlers(b">", b"<"), "receive": _handlers(b"<", b">")}
"""The first six bytes from the event on → what to do; nothing for all other rows."""
