"""How a notice of ours is marked, and how the mark is recognized when the notice comes back.

The mark is one name in two places: the header `X-Bounce-Triage`, and the left side of the Message-ID, which more mail
systems carry into their reports than any other header (In-Reply-To, the text). `Auto-Submitted: auto-generated`
(RFC 3834 §5) keeps other programs from answering.

With a key the name holds a digest, so that nobody who never saw a notice can make one up.
"""

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256

import msgspec

HEADER = "X-Bounce-Triage"
AUTO_SUBMITTED = "auto-generated"

_PREFIX = "triage-notice"
_TAG_DIGITS = 32
"""Hexadecimal digits of the digest: 128 bits."""

_NAME = re.compile(rf"{_PREFIX}\.(?P<notice>[\w-]{{1,64}})(?:\.(?P<tag>[0-9a-f]{{{_TAG_DIGITS}}}))?", re.ASCII)
_PLAIN = re.compile(r"[\w-]{1,64}", re.ASCII)


class Mark(msgspec.Struct, frozen=True):
    """The mark of one installation: the address from which its notices come, and the key where there is one."""

    sender: str
    key: bytes | None = None

    def headers(self, notice: str) -> dict[str, str]:
        """Give the header fields that mark the notice with this id; the same id gives the same fields."""
        name = self.name(notice)
        domain = self.sender.rpartition("@")[2]
        return {"Auto-Submitted": AUTO_SUBMITTED, HEADER: name, "Message-ID": f"<{name}@{domain}>"}

    def name(self, notice: str) -> str:
        """Give the name that marks the notice with this id."""
        plain = notice if _PLAIN.fullmatch(notice) else sha256(notice.encode()).hexdigest()
        return f"{_PREFIX}.{plain}" if self.key is None else f"{_PREFIX}.{plain}.{self._tag(plain)}"

    def is_on(self, *, header: str | None, sender: str | None, ids: Iterable[str | None]) -> bool:
        """Tell whether a message is a notice of ours, by what is known of it.

        `header`: its `X-Bounce-Triage`; `sender`: the address in its From; `ids`: its Message-ID, and what a report
        answers to. A message from another address is never one. Where the report tells no From, only a Message-ID
        in our own domain counts.
        """
        if sender is not None and sender.lower() != self.sender.lower():
            return False
        domain = self.sender.rpartition("@")[2].lower()
        names = [left for left, _, right in map(_halves, ids) if right.lower() == domain]
        if header is not None and sender is not None:
            names.append(header.strip())
        return any(map(self._is_ours, names))

    def _is_ours(self, name: str) -> bool:
        found = _NAME.fullmatch(name)
        if found is None:
            return False
        if self.key is None:
            return True
        return hmac.compare_digest(self._tag(found.group("notice")), found.group("tag") or "")

    def _tag(self, notice: str) -> str:
        return hmac.new(self.key or b"", notice.encode(), sha256).hexdigest()[:_TAG_DIGITS]


def _halves(message_id: str | None) -> tuple[str, str, str]:
    return (message_id or "").strip().strip("<>").rpartition("@")
