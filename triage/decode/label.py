"""What a message is more exactly, where it is no report of a delivery: a read receipt, a challenge, a complaint."""

import re
from typing import get_args

import msgspec

from triage.decode.kinds import Form, is_challenge
from triage.decode.message import Leaf, Mail
from triage.model import Document
from triage.model.words import What

MAX_TEXTS = 4
"""Texts of one message in which a challenge is looked for."""

_DMARC_FILE = re.compile(
    r"[^!/\\]{1,255}![^!]{1,255}!\d{9,11}!\d{9,11}(?:![^!]{1,255})?\.xml(?:\.gz)?$|.{1,600}!\d{9,11}\.zip$"
)
"""RFC 7489 section 7.2.1.1: receiver, policy domain, begin and end in seconds since 1970."""
_DMARC_ROOT = re.compile(
    rb"<(?:\w{1,20}:)?feedback\b[^>]{0,500}>.{0,500}<(?:\w{1,20}:)?(?:version|report_metadata)>", re.DOTALL
)
_FEEDBACK_TYPE = re.compile(r"(?im)^Feedback-Type:[ \t]{0,20}(?P<type>[\w-]{1,40})")
_START = 4096


def labelled(document: Document, mail: Mail, form: Form) -> Document:
    """Give a document with the word for what it is, where one fits; a report of a delivery needs none."""
    if document.what is not None or document.observations or document.kind not in ("other", "auto-reply", "feedback"):
        return document
    what = _complaint(mail) if document.kind == "feedback" else _other(mail, form)
    return msgspec.structs.replace(document, what=what) if what else document


def is_dmarc_report(content: bytes) -> bool:
    """True for the XML of an aggregate report (RFC 7489 appendix C)."""
    start = content[:_START].lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"<") and _DMARC_ROOT.search(start) is not None


def _complaint(mail: Mail) -> What | None:
    """Read the Feedback-Type of an abuse report (RFC 5965 section 3.1 and its registry)."""
    for leaf in mail.of_kind("text/feedback-report"):
        if found := _FEEDBACK_TYPE.search(leaf.text):
            return next((one for one in get_args(What) if one == found.group("type").lower()), None)
    return None


def _other(mail: Mail, form: Form) -> What | None:
    if mail.parameter("report-type") == "disposition-notification" or mail.of_kind("text/disposition-notification"):
        return "read-receipt"
    if any(map(_holds_dmarc, mail.leaves)):
        return "dmarc-report"
    texts = [leaf.text for leaf in mail.leaves if leaf.kind in ("text/plain", "text/html")][:MAX_TEXTS]
    return "challenge" if not form.bulk and any(map(is_challenge, texts)) else None


def _holds_dmarc(leaf: Leaf) -> bool:
    return bool(_DMARC_FILE.match(leaf.filename)) or (leaf.kind.endswith("/xml") and is_dmarc_report(leaf.content))
