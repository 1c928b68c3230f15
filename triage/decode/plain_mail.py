"""Bytes that are a mail message beyond doubt, told by their first line: nothing else has to be asked of them."""

import re

_FIELD = (
    rb"(?i:Return-Path|Received|From|To|Cc|Subject|Date|Message-ID|MIME-Version|Delivered-To|Reply-To|DKIM-Signature"
    rb"|Authentication-Results|Content-[A-Z][A-Z-]{1,40}|X-[A-Z][A-Z0-9-]{0,60}|ARC-[A-Z][A-Z-]{1,40}):[ \t]"
)
_SEPARATOR = (
    rb"From (?:MAILER-DAEMON)?[A-Za-z0-9.@_+=]{0,200} {1,2}[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d(?::\d\d)?"
    rb"(?: [A-Z]{1,5})?(?: \d{4})(?: [+-]\d{4})?\r?\n"
)
"""A mailbox's line (RFC 4155) whose sender has no `-` that might end a file's name, as in what a search prints."""
_MAIL = re.compile(rb"%s|%s" % (_FIELD, _SEPARATOR))


def is_plainly_mail(content: bytes) -> bool:
    """Tell whether bytes begin with a well-known header field, or with the separator line of a mailbox.

    False says nothing: then all that a document may be has to be tried.
    """
    return _MAIL.match(content) is not None
