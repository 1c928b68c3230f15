"""Outlook items: properties of MAPI → the message that they stand for ([MS-OXCMAIL]), which is then read as any other.

Outlook keeps a report as properties: what its machine part said stands with each recipient ([MS-OXOMSG] section 2.2.2).
The machine part is written again from them, so that one reader knows what a report says.
"""

import re
from base64 import encodebytes
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256

import msgspec

from triage.decode.limits import MAX_HEADER, MAX_RECIPIENTS
from triage.decode.rtf import RtfRoom, text_of_rtf
from triage.decode.x400 import Meaning, meaning_of

MAX_DEPTH = 3
"""Items within items: the report, the message that came back, and what was forwarded in that."""

CLASS, SUBJECT, SENT, HEADERS = 0x001A, 0x0037, 0x0039, 0x007D
ORIGINAL_TO, ORIGINAL_SUBJECT = 0x0074, 0x0049
SENDER_NAME, SENDER_ADDRESS, SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
NDR_STATUS, SUPPLEMENTARY, REMOTE_MTA = 0x0C20, 0x0C1B, 0x0C21
NDR_REASON, NDR_DIAGNOSTIC = 0x0C04, 0x0C05
DELIVERED, BODY, REPORT_TEXT, RTF, HTML = 0x0E06, 0x1000, 0x1001, 0x1009, 0x1013
MESSAGE_ID, IN_REPLY_TO, ORIGINAL_ID = 0x1035, 0x1042, 0x1046
NAME, ADDRESS, SMTP_ADDRESS = 0x3001, 0x3003, 0x39FE
CONTENT, FILE_NAME, LONG_FILE_NAME, MEDIA_TYPE = 0x3701, 0x3704, 0x3707, 0x370E
INTERNET_CODE_PAGE, CODE_PAGE, REPORTING_MTA = 0x3FDE, 0x3FFD, 0x6820

WANTED = frozenset(
    {
        CLASS, SUBJECT, SENT, HEADERS, ORIGINAL_TO, ORIGINAL_SUBJECT, SENDER_NAME, SENDER_ADDRESS, SENDER_SMTP,
        NDR_STATUS, SUPPLEMENTARY, REMOTE_MTA, NDR_REASON, NDR_DIAGNOSTIC, DELIVERED, BODY, REPORT_TEXT, RTF, HTML,
        MESSAGE_ID, IN_REPLY_TO, ORIGINAL_ID, NAME, ADDRESS, SMTP_ADDRESS, CONTENT, FILE_NAME, LONG_FILE_NAME, MEDIA_TYPE,
        INTERNET_CODE_PAGE, CODE_PAGE, REPORTING_MTA,
    }
)  # fmt: skip
"""Properties that are read; an item has a hundred more."""

INTEGER, BOOLEAN, OBJECT, STRING8, UNICODE, TIME, BINARY = 0x0003, 0x000B, 0x000D, 0x001E, 0x001F, 0x0040, 0x0102
"""Types of properties ([MS-OXCDATA] section 2.11.1)."""

_ACTIONS = ((".expanded.dr", "expanded"), (".relayed.dr", "relayed"), (".delayed.dr", "delayed"), (".dr", "delivered"),
            (".ndr", "failed"))  # fmt: skip
_RECEIPTS = {".ipnrn": "displayed", ".ipnnrn": "deleted"}
_OWN_FORM = re.compile(r"(?i)^(?:content-|mime-version:)")
_HEADER = re.compile(r"^[!-9;-~]{1,76}:")
_SUPPLEMENTARY = re.compile(
    r"<(?:(?P<host>[^\s<>#]{1,255}) )?#(?P<status>[245]\.\d{1,3}\.\d{1,3})(?: (?P<said>.*?))?>?\s*$", re.DOTALL
)
"""[MS-OXCMAIL] section 2.2.3.7.1.2: `<remote-mta #status diagnostic>`."""
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)

Value = str | int | bytes
Properties = dict[int, Value]


class Attached(msgspec.Struct):
    """One attachment: an item, or bytes under the name and type in its properties."""

    properties: Properties
    content: "bytes | Item"


class Item(msgspec.Struct):
    """One item. `left_out` counts attachments past a bound, here and within."""

    properties: Properties
    recipients: list[Properties] = []
    attached: list[Attached] = []
    left_out: int = 0


def text_of(content: bytes, kind: int, code_page: int | None) -> str:
    """Decode a string property: UTF-16, or the code page that the item names, else Windows-1252. Never raises."""
    if kind == UNICODE:
        return content.decode("utf-16-le", "replace").rstrip("\0")
    try:
        return content.decode(charset_of(code_page), "replace").rstrip("\0")
    except (LookupError, ValueError):
        return content.decode("cp1252", "replace").rstrip("\0")


def charset_of(code_page: int | None) -> str:
    """Give the charset of a Windows code page."""
    known = {65001: "utf-8", 20127: "us-ascii", 28591: "iso-8859-1", 28592: "iso-8859-2", 28605: "iso-8859-15",
             50220: "iso-2022-jp", 50221: "iso-2022-jp", 51932: "euc-jp", 51949: "euc-kr", 54936: "gb18030",
             20866: "koi8-r", 936: "gb18030"}  # fmt: skip
    return known.get(code_page or 0) or f"cp{code_page or 1252}"


def as_message(item: Item) -> bytes:
    """Write an item as the message that it stands for. Never raises."""
    return _written(item, RtfRoom())


def _written(item: Item, room: RtfRoom) -> bytes:
    own = item.properties
    kind = str(own.get(CLASS, "")).lower()
    action = _last_of(kind, dict(_ACTIONS)) if kind.startswith("report.") else None
    receipt = _last_of(kind, _RECEIPTS) if kind.startswith("report.") else None
    parts = [*_bodies(own, room)]
    form = "multipart/mixed"
    if action is not None:
        form = "multipart/report; report-type=delivery-status"
        parts.append(_part("message/delivery-status", _machine_part(item, action).encode("utf-8", "replace")))
    elif receipt is not None:
        form = "multipart/report; report-type=disposition-notification"
        told = f"Disposition: manual-action/MDN-sent-manually; {receipt}\r\n"
        parts.append(_part("message/disposition-notification", told.encode()))
    parts += [_attachment(one, room) for one in item.attached]
    if action is not None and not any(isinstance(one.content, Item) for one in item.attached):
        parts += _original(own)
    boundary = f"=_{sha256(b''.join(parts)).hexdigest()[:32]}"
    head = [*_headers(own), "MIME-Version: 1.0", f'Content-Type: {form}; boundary="{boundary}"', "", ""]
    marker = f"--{boundary}".encode()
    body = b"".join(marker + b"\r\n" + part + b"\r\n" for part in parts)
    return "\r\n".join(head).encode("utf-8", "replace") + body + marker + b"--\r\n"


def _headers(own: Properties) -> list[str]:
    """Give the header: the one with which the message came, without what describes its form; else made from properties."""
    came = str(own.get(HEADERS, "")).replace("\r\n", "\n").strip("\n").split("\n")
    if _HEADER.match(came[0]):
        return _without_form(came)
    sender = _said(own, SENDER_SMTP) or _said(own, SENDER_ADDRESS)
    name = _said(own, SENDER_NAME).replace('"', "'")
    given = {
        "From": f'"{name}" <{sender}>' if "@" in sender else name,
        "Subject": _said(own, SUBJECT),
        "Message-ID": _said(own, MESSAGE_ID),
        "In-Reply-To": _said(own, IN_REPLY_TO),
        "Date": _date(own.get(DELIVERED) or own.get(SENT)),
    }
    return [f"{field}: {value}" for field, value in given.items() if value]


def _without_form(lines: list[str]) -> list[str]:
    kept: list[str] = []
    dropped = False
    for line in lines:
        if not line.strip():
            break
        dropped = dropped if line[0] in " \t" else _OWN_FORM.match(line) is not None or not _HEADER.match(line)
        if not dropped:
            kept.append(line.rstrip("\r"))
    return kept


def _bodies(own: Properties, room: RtfRoom) -> list[bytes]:
    """Give the text: plain and HTML where both are there; where there is neither, that of RTF, else a report's own."""
    parts = []
    if plain := str(own.get(BODY, "")).strip():
        parts.append(_part("text/plain; charset=utf-8", plain.encode("utf-8", "replace")))
    html = own.get(HTML, "")
    if isinstance(html, bytes) and html:
        page = own.get(INTERNET_CODE_PAGE)
        parts.append(_part(f"text/html; charset={charset_of(page if isinstance(page, int) else None)}", html))
    elif isinstance(html, str) and html:
        parts.append(_part("text/html; charset=utf-8", html.encode("utf-8", "replace")))
    if not parts and (text := _of_rtf(own, room) or str(own.get(REPORT_TEXT, "")).strip()):
        parts.append(_part("text/plain; charset=utf-8", text.encode("utf-8", "replace")))
    return parts


def _of_rtf(own: Properties, room: RtfRoom) -> str:
    packed = own.get(RTF)
    return text_of_rtf(packed, room).strip() if isinstance(packed, bytes) else ""


def _machine_part(item: Item, action: str) -> str:
    """Write the fields of RFC 3464 from the properties that [MS-OXCMAIL] section 2.2.3.7.1 makes of them."""
    groups = [_fields({"Reporting-MTA": _typed("dns", _said(item.properties, REPORTING_MTA))})]
    for one in item.recipients[:MAX_RECIPIENTS]:
        told = read_supplement(str(one.get(SUPPLEMENTARY, "")))
        address = next((said for key in (SMTP_ADDRESS, ADDRESS, NAME) if "@" in (said := _said(one, key))), "")
        host = _said(one, REMOTE_MTA) or (told[0] if told else "")
        diagnostic = told[2] if told else _said(one, SUPPLEMENTARY)
        text = " ".join(str(one.get(REPORT_TEXT, "")).split())[:MAX_HEADER]
        status = told[1] if told else _status(one.get(NDR_STATUS))
        meaning = _meaning(one) if not status else None
        groups.append(
            _fields(
                {
                    "Final-Recipient": _typed("rfc822", address or "<>"),
                    "Action": action,
                    "Status": status or (meaning and meaning.status) or "",
                    "Remote-MTA": _typed("dns", host),
                    "Diagnostic-Code": diagnostic
                    if ";" in diagnostic[:20]
                    else _typed("smtp", diagnostic or text) or _typed("x400", meaning.name if meaning else ""),
                }
            )
        )
    return "\r\n".join(groups)


def read_supplement(text: str) -> tuple[str, str, str] | None:
    """Give remote host, status and diagnostic of a PidTagSupplementaryInfo; None where it has another form."""
    found = _SUPPLEMENTARY.search(text[:MAX_HEADER])
    return (
        (found.group("host") or "", found.group("status"), " ".join((found.group("said") or "").split()))
        if found
        else None
    )


def _status(code: Value | None) -> str:
    """Give the status that PidTagNonDeliveryReportStatusCode packs into three digits ([MS-OXCMAIL] section 2.2.3.7.1.3)."""
    digits = str(code) if isinstance(code, int) else ""
    return ".".join(digits) if re.fullmatch(r"[245]\d\d", digits) else ""


def _meaning(recipient: Properties) -> Meaning | None:
    """Give what the X.400 numbers of a recipient say ([MS-OXOMSG] sections 2.2.2.30 and 2.2.2.31)."""
    diagnostic, reason = recipient.get(NDR_DIAGNOSTIC), recipient.get(NDR_REASON)
    return meaning_of(diagnostic if isinstance(diagnostic, int) else None, reason if isinstance(reason, int) else None)


def _original(own: Properties) -> list[bytes]:
    """Give the headers of the message that came back, as far as the report's own properties know them."""
    fields = {
        "To": _said(own, ORIGINAL_TO),
        "Subject": _said(own, ORIGINAL_SUBJECT),
        "Message-ID": _said(own, ORIGINAL_ID),
    }
    text = _fields(fields)
    return [_part("text/rfc822-headers; charset=utf-8", text.encode("utf-8", "replace"))] if text else []


def _attachment(one: Attached, room: RtfRoom) -> bytes:
    if isinstance(one.content, Item):
        return _part("message/rfc822", _written(one.content, room))
    name = (_said(one.properties, LONG_FILE_NAME) or _said(one.properties, FILE_NAME)).replace('"', "'")
    declared = _said(one.properties, MEDIA_TYPE)
    kind = declared if _MEDIA_TYPE.fullmatch(declared) else "application/octet-stream"
    return _part(kind if kind != "message/rfc822" else "application/octet-stream", one.content, name)


def _part(kind: str, content: bytes, name: str = "") -> bytes:
    named = f'Content-Disposition: attachment; filename="{name}"\r\n' if name else ""
    head = f"Content-Type: {kind}\r\n{named}Content-Transfer-Encoding: base64\r\n\r\n"
    return head.encode("utf-8", "replace") + encodebytes(content)


def _fields(fields: dict[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)


def _typed(kind: str, value: str) -> str:
    return f"{kind}; {value}" if value else ""


def _said(properties: Properties, key: int) -> str:
    """Give a text property on one line; empty without one."""
    value = properties.get(key)
    return " ".join(value.split())[:MAX_HEADER] if isinstance(value, str) else ""


def _date(value: Value | None) -> str:
    """Give a FILETIME (tenths of microseconds since 1601) as RFC 5322 wants it."""
    if not isinstance(value, int):
        return ""
    try:
        return format_datetime(_EPOCH + timedelta(microseconds=value // 10))
    except (OverflowError, ValueError):
        return ""


def _last_of(kind: str, known: dict[str, str]) -> str | None:
    return next((word for end, word in known.items() if kind.endswith(end)), None)
