"""A report as Exchange gives it back through `$value`: written anew from what it stores, not as it came.

Exchange keeps no MIME ("Outlook does not save messages in MIME format", Microsoft Graph's page on MIME content). Of a
report it keeps the text that people read; here the delivery-status part and the returned message are gone, boundaries
are new at each reading, and the To field names the recipients that failed beside the sender, as the service's answers
show it.
"""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape

KEPT = ("from", "subject", "date", "message-id", "in-reply-to", "references", "return-path", "auto-submitted")


def regenerate(report: bytes, reading: int = 1, *, plain: bool = True, html: bool = True) -> bytes:
    """Give the report with its human part alone: as text, as HTML made from it, or as both."""
    source = message_from_bytes(report, policy=policy.default)
    part = source.get_body(("plain",)) if source.is_multipart() else source
    text = str(part.get_content()) if part is not None else ""
    return compose(source, text, reading, plain=plain, html=html)


def compose(source: EmailMessage, text: str, reading: int = 1, *, plain: bool = True, html: bool = True) -> bytes:
    """Write the message anew around a text."""
    made = EmailMessage(policy=policy.SMTP)
    for name in KEPT:
        if source[name] is not None:
            made[name] = str(source[name])
    failed = re.search(r"[\w.+-]+@[\w.-]+\.\w+", text)
    made["To"] = ", ".join(str(one) for one in (source["to"], failed.group() if failed else None) if one)
    made["X-MS-Has-Attach"] = ""
    made["X-MS-TNEF-Correlator"] = ""
    if plain:
        made.set_content(text, charset="iso-8859-1" if _is_latin(text) else "utf-8", cte="quoted-printable")
    if html and plain:
        made.add_alternative(as_html(text), subtype="html", charset="utf-8", cte="quoted-printable")
    elif html:
        made.set_content(as_html(text), subtype="html", charset="utf-8", cte="quoted-printable")
    if made.is_multipart():
        made.set_boundary(f"_000_{reading:04d}regenerated_")
    return made.as_bytes()


def as_html(text: str) -> str:
    """Give a text as the HTML that Exchange writes: a paragraph for each block, `<br>` between its lines."""
    blocks = re.split(r"\n{2,}", text.replace("\r\n", "\n").strip("\n"))
    body = "\n".join(
        f"<p>{'<br>'.join(escape(line, quote=True) for line in block.split(chr(10)))}</p>" for block in blocks
    )
    return (
        '<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\n'
        "<style>p { margin: 0 }</style>\n</head>\n<body>\n" + body + "\n</body>\n</html>\n"
    )


def _is_latin(text: str) -> bool:
    try:
        text.encode("iso-8859-1")
    except UnicodeEncodeError:
        return False
    return True
