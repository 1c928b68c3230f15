"""Data as values of our types, safe in threads.

What msgspec has to know of a type it works out when that is first used, and two threads that do so at once for one type
crash the process (seen with 0.22). So what threads read is decoded by decoders that are made while their
modules are imported, and data of ours, which is loaded where it is first needed, is converted by one thread at a time.
"""

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_LOCK = threading.Lock()


def converted(value: Any, kind: type[T], *, strict: bool = True) -> T:
    """Give plain data as a value of a type. Raises `msgspec.ValidationError` where it is none."""
    with _LOCK:
        return msgspec.convert(value, kind, strict=strict)
