"""Bytes that are read once, from front to back, and end with a sentence where they break off."""

from collections.abc import Callable

from triage.errors import BadInput

CHUNK = 2**20
"""Bytes asked for at once: large enough that system calls do not count, small enough for memory."""


class Stream:
    """Bytes from `pull`, which is asked for up to so many bytes and gives b"" at the end.

    A `pull` that raises `BadInput` or `OSError` ends the stream: what came before it was given, and `failure`
    then holds the sentence. It is None for a stream that ended where it should.
    """

    def __init__(self, pull: Callable[[int], bytes], head: bytes = b"") -> None:
        self.failure: str | None = None
        self._pull = pull
        self._head = head
        self._ended = False

    def read(self, size: int) -> bytes:
        """Give at most `size` bytes, fewer where fewer came, b"" at the end only."""
        if self._head:
            given, self._head = self._head[:size], self._head[size:]
            return given
        return self._more(size)

    def pull(self, size: int) -> bytes:
        """Give what `read` gives, but raise `BadInput` where the stream broke off: for a stream made of this one."""
        given = self.read(size)
        if not given and self.failure is not None:
            raise BadInput(self.failure)
        return given

    def peek(self, size: int) -> bytes:
        """Give the next `size` bytes without taking them; fewer only where the stream has no more."""
        while len(self._head) < size:
            more = self._more(max(size - len(self._head), 2**16))
            if not more:
                break
            self._head += more
        return self._head[:size]

    def upto(self, limit: int) -> bytes:
        """Give all the rest, but at most `limit` bytes."""
        parts = []
        while limit > 0:
            part = self.read(min(limit, CHUNK))
            if not part:
                break
            parts.append(part)
            limit -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _more(self, size: int) -> bytes:
        if self._ended:
            return b""
        try:
            given = self._pull(size)
        except BadInput as error:
            self.failure, given = str(error), b""
        except OSError as error:
            self.failure, given = because(error), b""
        self._ended = not given
        return given


def because(error: OSError) -> str:
    """Give the sentence for an operating system's error."""
    if isinstance(error, PermissionError):
        return "This account may not read it: give it the right to, or run this as the owner."
    return f"The operating system cannot read it: {error.strerror or type(error).__name__}."
