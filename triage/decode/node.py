"""A part of a message as the standard library knows it, except that its header is asked often and read once.

The standard library goes through all fields for each question and takes a Content-Type apart anew for each of its
parameters. Here a part knows where each field stands, and what the usual form of a header with parameters says; any
other form (RFC 2231, comments, escapes) is left to the standard library.
"""

import re
from collections.abc import KeysView
from email._policybase import Compat32
from email.message import Message
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from triage.decode import limits
from triage.decode.encoded import known_charset

if TYPE_CHECKING:
    from email.policy import Policy

READ_HERE = {
    "message/delivery-status": "text/delivery-status",
    "message/global-delivery-status": "text/delivery-status",
    "message/feedback-report": "text/feedback-report",
    "message/disposition-notification": "text/disposition-notification",
    "message/global-disposition-notification": "text/disposition-notification",
    "message/global-headers": "text/rfc822-headers",
    "message/external-body": "text/external-body",
    "message/partial": "text/partial",
    "text/rfc822-header": "text/rfc822-headers",
}
ENCODED_MESSAGE = "application/encoded-message"
MAX_KNOWN = 80
"""Characters of a type that is kept, since the next message names it too."""

_USUAL = re.compile(
    r"[ \t\r\n]*+[\w.+/-]++"
    r"((?:[ \t\r\n]*+;[ \t\r\n]*+[\w-]++=(?:\"[^\"\\<]*+\"|[\w.+:=/'()?,@$&!{}-]++))*+)[ \t\r\n]*+;?[ \t\r\n]*+",
    re.ASCII,
)
"""A value with parameters (RFC 2045 §5.1) in which nothing has to be undone but the quotes."""
_PARAMETER = re.compile(r";[ \t\r\n]*+([\w-]++)=(?:\"([^\"]*)\"|([^;\s]++))", re.ASCII)


class _Policy(Compat32):
    """The standard library's fastest policy, with bounded header values: a Content-Type is parsed many times over."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """Split a field into name and value, at most `limits.MAX_HEADER` characters of it."""
        name, value = super().header_source_parse(sourcelines)
        return name, value[: limits.MAX_HEADER]


POLICY = cast("Policy[Node]", _Policy())


class Node(Message):
    """A part as the standard library parses it, except that it leaves to us what we read ourselves."""

    _payload: Any
    _is_changed = False
    _first: dict[str, str] | None = None
    _kind: str | None = None
    _parameters: dict[str, dict[str, str] | None] | None = None

    def take_fields(self, fields: list[tuple[str, str]]) -> None:
        """Take all header fields of a new part at once, as a parser split them."""
        self._headers = fields

    def take_header(self, other: "Node") -> None:
        """Take all header fields of another part, and what is known of them."""
        self._headers = list(other._headers)
        self._first = other._indexed()
        self._parameters = other._parameters = other._parameters or {}
        if "content-type" in self._first:
            self._kind = other.get_content_type()

    def take_text(self, text: str) -> None:
        """Take the body of a part that has no parts."""
        self._payload = text

    @property
    def is_without_its_parts(self) -> bool:
        """True for a multipart of which no part was found."""
        return self.get_content_maintype() == "multipart" and not self.is_multipart()

    @property
    def parts(self) -> "list[Node]":
        """The parts of a part that has some, in order: the parser makes each with the class it was given."""
        payload = self._payload
        return payload if isinstance(payload, list) else []

    @property
    def raw(self) -> str:
        """The payload of a part that has no parts, as it stands; octets that are no ASCII as surrogates."""
        payload = self._payload
        return payload if isinstance(payload, str) else ""

    def _indexed(self) -> dict[str, str]:
        """Give the first value of each field, by its name in lower case."""
        if self._first is None:
            fields: list[tuple[str, Any]] = self._headers
            if self._is_changed:  # a value may have been set that is an object of the standard library
                fields = [(key, str(value)) for key, value in fields]
            self._first = {key.lower(): value for key, value in reversed(fields)}
        return self._first

    @property
    def names(self) -> KeysView[str]:
        """The names of all fields, in lower case."""
        return self._indexed().keys()

    def value_of(self, name: str) -> str | None:
        """Give the first value of a header field as it stands, None without one; `name` in lower case."""
        first = self._first
        return (self._indexed() if first is None else first).get(name)

    def values_of(self, name: str) -> list[str]:
        """Give every value of a header field as it stands; `name` in lower case."""
        if self.value_of(name) is None:
            return []
        return [str(value) for key, value in self._headers if key.lower() == name]

    def get(self, name: str, failobj: Any = None) -> Any:
        """Give the first value of a header field, `failobj` without one."""
        value = self.value_of(name.lower())
        return failobj if value is None else self.policy.header_fetch_parse(name, value)

    def encoding(self, default: str) -> str:
        """Give the transfer encoding in lower case; `default` where none is named."""
        value = self.value_of("content-transfer-encoding")
        if value is None:
            return default
        return (value if value.isascii() else str(self.get("content-transfer-encoding"))).lower()

    def get_content_type(self) -> str:
        """Give the type in lower case; for parts that are read here, the name under which this program knows them."""
        if self._kind is None:
            self._kind = self._declared()
        return self._kind

    def _declared(self) -> str:
        declared = self.value_of("content-type")
        if declared is None:
            kind = self.get_default_type()
        else:
            kind = _kind_of(declared.partition(";")[0] if declared.isascii() else super().get_content_type())
        if kind.startswith("message/") and self.encoding("").strip() in ("base64", "quoted-printable"):
            return ENCODED_MESSAGE
        return kind

    def get_content_maintype(self) -> str:
        """Give what stands before the slash of the type."""
        return self.get_content_type().partition("/")[0]

    def get_boundary(self, failobj: Any = None) -> Any:
        """Give what separates the parts of a multipart; `failobj` where nothing is named."""
        usual = self._usual("content-type")
        if usual is None:
            return super().get_boundary(failobj)
        return usual["boundary"].rstrip() if "boundary" in usual else failobj

    def get_filename(self, failobj: Any = None) -> Any:
        """Give the name of the file that a part was; `failobj` without one."""
        names_none = "name" not in (self.value_of("content-type") or "").lower()
        if names_none and self.value_of("content-disposition") is None:
            return failobj
        return super().get_filename(failobj)

    def get_content_charset(self, failobj: Any = None) -> Any:
        """Give the charset in lower case; `failobj` for what is none. The standard library decodes with it, and some
        names make that fail.
        """
        usual = self._usual("content-type")
        try:
            name = super().get_content_charset() if usual is None else usual.get("charset")
        except (TypeError, ValueError, LookupError):
            return failobj
        return known_charset(name) or failobj

    def get_param(self, param: str, failobj: Any = None, header: str = "content-type", unquote: bool = True) -> Any:
        """Give a parameter of a header field, `failobj` without it."""
        usual = self._usual(header.lower()) if unquote else None
        return (
            super().get_param(param, failobj, header, unquote) if usual is None else usual.get(param.lower(), failobj)
        )

    def _usual(self, header: str) -> dict[str, str] | None:
        """Give the parameters of a header field in its usual form, None for any other form."""
        if self._parameters is None:
            self._parameters = {}
        if header not in self._parameters:
            value = self.value_of(header)
            self._parameters[header] = _parameters_of(value) if value is not None else {}
        return self._parameters[header]

    def set_raw(self, name: str, value: str) -> None:
        """Add a header field as a parser split it."""
        self._forget()
        super().set_raw(name, value)

    def __setitem__(self, name: str, value: Any) -> None:
        """Add a header field."""
        self._forget()
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        """Take every value of a header field out."""
        self._forget()
        super().__delitem__(name)

    def replace_header(self, _name: str, _value: Any) -> None:
        """Put another value in the place of the first one of a header field."""
        self._forget()
        super().replace_header(_name, _value)

    def set_default_type(self, ctype: str) -> None:
        """Set what a part is that names no type."""
        self._forget()
        super().set_default_type(ctype)

    def _forget(self) -> None:
        self._is_changed = True
        self._first = self._kind = self._parameters = None


def without_line_end(text: str) -> str:
    """Give a text without the line break at its end."""
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _parameters_of(value: str) -> dict[str, str] | None:
    """Take a value with parameters apart; None where it is not in the usual form. Of two of one name the first counts."""
    found = _USUAL.fullmatch(value) if value.isascii() else None
    if found is None:
        return None
    return {name.lower(): quoted or bare for name, quoted, bare in reversed(_PARAMETER.findall(found.group(1)))}


def _kind_of(declared: str) -> str:
    """Give the type that stands before the parameters of a Content-Type, as this program knows it."""
    return _known_kind(declared) if len(declared) <= MAX_KNOWN else _known_kind.__wrapped__(declared)


@lru_cache(maxsize=256)
def _known_kind(declared: str) -> str:
    kind = declared.strip().lower()
    kind = kind if kind.count("/") == 1 else "text/plain"  # RFC 2045 §5.2
    kind = kind.split()[0]  # a parameter may follow without a semicolon
    return READ_HERE.get(kind, kind)
