"""Messages of an mbox (RFC 4155), one after the other, in constant memory however long the file is."""

import re
from collections.abc import Iterator

import msgspec

from triage.collect.stream import Stream

SEPARATOR_BYTES = 1_000
"""A separator line is an address and a date: RFC 5322 §2.1.1 ends lines at 998 and no mail program comes near."""

READ_AHEAD = 2**16
"""Bytes read at once: few enough to stay in the processor's cache until they are looked at (measured)."""

_DAY = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
# The asctime of RFC 4155 at the line's end, with what programs add: a zone before or after the year (old sendmail,
# exports of web mail), the day before the month (RFC 5322 dates), no seconds, "remote from HOST" (UUCP).
_DATE = re.compile(
    rb"[ \t]" + _DAY + rb",?[ \t]{1,4}(?:" + _MONTH + rb"[ \t]{1,4}\d{1,2}|\d{1,2}[ \t]{1,4}" + _MONTH + rb")"
    rb"((?:[ \t]{1,4}(?:\d{1,2}:\d\d(?::\d\d)?|(?:19|20)\d\d|[A-Z]{1,5}|[+-]\d{4}|\([A-Z]{1,5}\))){2,6})"
    rb"(?:[ \t]{1,4}remote from [^ \t]{1,255})?[ \t]*\r?\Z"
)
_TIME = re.compile(rb"[ \t]\d{1,2}:\d\d")
_YEAR = re.compile(rb"[ \t](?:19|20)\d\d(?![:\d])")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


class Message(msgspec.Struct, frozen=True):
    """One message without its separator line; `content` is None for one of more bytes than allowed."""

    content: bytes | None
    size: int


def is_separator(line: bytes) -> bool:
    """Tell whether a line, without its line feed, is `From `, an address and a date: what begins a message."""
    if not line.startswith(b"From ") or len(line) > SEPARATOR_BYTES:
        return False
    found = _DATE.search(line, 4)
    return bool(found and _TIME.search(found[1]) and _YEAR.search(found[1]))


def messages(stream: Stream, message_bytes: int) -> Iterator[Message]:
    r"""Give the messages of an mbox that `stream` begins with.

    A message begins at a separator line that stands first or after an empty line, and at nothing else: a body
    line "From here on ..." divides nothing, and Content-Length is not believed. The separator line and the empty
    line before the next one belong to the mbox; one ">" is taken from ">From " lines (mboxrd; mboxo writes the
    usual case alike), so a message has the bytes that it would have as a file of its own. A message of more
    than `message_bytes` is counted and passed over.
    """
    return _Splitter(stream, message_bytes).messages()


class _Splitter:
    # `_buffer` begins with the line feed that ended the separator line: so "after a line end" can always be
    # looked at, and an empty message needs no case of its own.

    def __init__(self, stream: Stream, message_bytes: int) -> None:
        self._stream = stream
        self._limit = message_bytes
        self._buffer = bytearray()
        self._dropped = 0

    def messages(self) -> Iterator[Message]:
        self._skip_first_separator()
        at = 0
        while True:
            found = self._buffer.find(b"\nFrom ", at)
            if found >= 0:
                end = self._line_end(found + 1)
                if self._divides(found, end):
                    if found or self._dropped:  # else a second separator line right below: some programs write two
                        yield self._message(self._content_end(found))
                    del self._buffer[:end]
                    self._dropped = at = 0
                else:
                    at = found + 1
                continue
            at = self._drop_surplus(max(len(self._buffer) - 5, 0))
            if not self._fill():
                yield self._message(self._last_end())
                return

    def _fill(self) -> bool:
        more = self._stream.read(READ_AHEAD)
        self._buffer += more
        return bool(more)

    def _skip_first_separator(self) -> None:
        # A byte order mark or empty lines may stand before it; who called saw a separator there.
        while (start := self._buffer.find(b"From ")) < 0 and self._fill():
            pass
        del self._buffer[: self._line_end(max(start, 0))]

    def _line_end(self, start: int) -> int:
        """Give where the line at `start` ends, or so far as a separator may reach."""
        while (end := self._buffer.find(b"\n", start)) < 0 and len(self._buffer) - start <= SEPARATOR_BYTES:
            if not self._fill():
                return len(self._buffer)
        return end if end >= 0 else start + SEPARATOR_BYTES + 1

    def _divides(self, found: int, end: int) -> bool:
        before = self._buffer[max(found - 2, 0) : found]
        if not (before.endswith(b"\n") or before == b"\n\r" or found == 0):
            return False
        return is_separator(bytes(self._buffer[found + 1 : end]))

    def _content_end(self, found: int) -> int:
        return found - 1 if self._buffer[max(found - 1, 0) : found] == b"\r" else found

    def _last_end(self) -> int:
        for empty_line in (b"\r\n\r\n", b"\n\n"):
            if self._buffer.endswith(empty_line):
                return len(self._buffer) - len(empty_line) // 2
        return len(self._buffer)

    def _drop_surplus(self, keep_from: int) -> int:
        """Forget the bytes of a message that is too long, but for its last ones; give where to search on."""
        if self._dropped + len(self._buffer) <= self._limit + SEPARATOR_BYTES:
            return keep_from
        surplus = max(len(self._buffer) - 8, 0)
        del self._buffer[:surplus]
        self._dropped += surplus
        return 0

    def _message(self, end: int) -> Message:
        size = self._dropped + max(end - 1, 0)
        if size > self._limit:
            return Message(None, size)
        with memoryview(self._buffer) as view:
            content = bytes(view[1:end])
        return Message(_QUOTED.sub(rb"\1", content) if b">From " in content else content, size)
