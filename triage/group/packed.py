"""Sets of digests packed into bytes: exact distinct counts that travel inside one document."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter
from struct import Struct

DIGEST = 16
"""128 bits: two different values meet by chance less often than disks lose a document."""


def digest(*values: str) -> bytes:
    """Give the 16 bytes that stand for these values."""
    text = "\x1f".join(values)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST).digest()


def split(packed: bytes, width: int = DIGEST) -> Iterator[bytes]:
    """Give the records of a packed set, in the order in which they were added."""
    return map(itemgetter(0), _records(f"{width}s").iter_unpack(packed))


def marked(packed: bytes, width: int) -> Iterator[tuple[bytes, int]]:
    """Give the records of a packed set whose last byte is a mark: what stands before it, and the mark."""
    return _records(f"{width - 1}sB").iter_unpack(packed)


@lru_cache
def _records(layout: str) -> Struct:
    return Struct(layout)


def add(packed: bytes, new: set[bytes], width: int = DIGEST) -> bytes:
    """Append the digests that are not yet in the set; the order among new ones is fixed."""
    return packed + b"".join(sorted(new - set(split(packed, width)))) if new else packed


def union(one: bytes, other: bytes, width: int = DIGEST) -> bytes:
    """Give the set of the records of both."""
    return add(one, set(split(other, width)), width)
