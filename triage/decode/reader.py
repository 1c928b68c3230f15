"""What a reading needs to know from outside, and the room that it has."""

import msgspec

from triage.hosts import Hosts

MAX_UNPACKED = 64 * 2**20
"""Bytes, of all that one document carries: a protocol log has ten megabytes, unless somebody set another size."""


class Room(msgspec.Struct):
    """How many bytes may still be unpacked for one document, whatever is in it."""

    left: int = MAX_UNPACKED


class Reader(msgspec.Struct, frozen=True):
    """The hosts that are ours, the server whose Authentication-Results count, and the room of this document."""

    hosts: Hosts
    authserv_id: str | None = None
    room: Room = msgspec.field(default_factory=Room)
