"""A part of a message as the standard library knows it, except that its header is asked often and read once.

The standard library goes through all fields for each question and takes a Content-Type apart anew for each of its
parameters. Here a part knows where each field stands, and what the usual form of a header with parameters says; any
other form (RFC 2231, comments, escapes) is left to the standard library.
"""

import re
from email._policybase import Compat32
from email.message import Message
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

    _fields: dict[str, list[str]] | None = None
    _kind: str | None = None
    _parameters: dict[str, dict[str, str] | None] | None = None

    def take_fields(self, fields: list[tuple[str, str]]) -> None:
        """Take all header fields of a new part at once, as a parser split them."""
        self._headers = fields

    def end_before_boundary(self) -> None:
        """Take the line break off that stands before a boundary and belongs to it (RFC 2046 §5.1.1)."""
        if self.get_content_maintype() == "multipart":
            self.epilogue = without_line_end(self.epilogue) if self.epilogue else None
        else:
            self.set_payload(without_line_end(self.raw))

    @property
    def is_without_its_parts(self) -> bool:
        """True for a multipart of which no part was found."""
        return self.get_content_maintype() == "multipart" and not self.is_multipart()

    @property
    def parts(self) -> "list[Node]":
        """The parts of a part that has some, in order: the parser makes each with the class it was given."""
        payload: Any = vars(self)["_payload"]
        return payload if isinstance(payload, list) else []

    @property
    def raw(self) -> str:
        """The payload of a part that has no parts, as it stands; octets that are no ASCII as surrogates."""
        payload: Any = vars(self)["_payload"]
        return payload if isinstance(payload, str) else ""

    def values_of(self, name: str) -> list[str]:
        """Give every value of a header field as it stands; `name` in lower case."""
        if self._fields is None:
            self._fields = {}
            for key, value in self._headers:
                self._fields.setdefault(key.lower(), []).append(value)
        return self._fields.get(name, [])

    def get(self, name: str, failobj: Any = None) -> Any:
        """Give the first value of a header field, `failobj` without one."""
        values = self.values_of(name.lower())
        return self.policy.header_fetch_parse(name, values[0]) if values else failobj

    def get_content_type(self) -> str:
        """Give the type in lower case; for parts that are read here, the name under which this program knows them."""
        if self._kind is None:
            self._kind = self._declared()
        return self._kind

    def _declared(self) -> str:
        values = self.values_of("content-type")
        declared = str(values[0]) if values else ""
        if declared.isascii() and values:
            kind = declared.partition(";")[0].strip().lower()
            kind = kind if kind.count("/") == 1 else "text/plain"  # RFC 2045 §5.2
        else:
            kind = super().get_content_type()
        kind = kind.split()[0]  # a parameter may follow without a semicolon
        if kind in READ_HERE:
            return READ_HERE[kind]
        if kind.startswith("message/") and _is_encoded(self):
            return ENCODED_MESSAGE
        return kind

    def get_content_charset(self, failobj: Any = None) -> Any:
        """Give the charset in lower case; `failobj` for what is none. The standard library decodes with it, and some
        names make that fail.
        """
        try:
            name = super().get_content_charset()
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
            values = self.values_of(header)
            self._parameters[header] = _parameters_of(str(values[0])) if values else {}
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
        self._fields = self._kind = self._parameters = None


def without_line_end(text: str) -> str:
    """Give a text without the line break at its end."""
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _parameters_of(value: str) -> dict[str, str] | None:
    """Take a value with parameters apart; None where it is not in the usual form. Of two of one name the first counts."""
    found = _USUAL.fullmatch(value) if value.isascii() else None
    if found is None:
        return None
    return {name.lower(): quoted or bare for name, quoted, bare in reversed(_PARAMETER.findall(found.group(1)))}


def _is_encoded(node: Node) -> bool:
    return str(node.get("content-transfer-encoding", "")).strip().lower() in ("base64", "quoted-printable")
