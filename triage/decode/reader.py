"""What a reading needs to know from outside, and the room that it has."""

import msgspec

from triage.hosts import Hosts
from triage.model.mark import Mark

MAX_UNPACKED = 64 * 2**20
"""Bytes, of all that one document carries: a protocol log has ten megabytes, unless somebody set another size."""


MAX_ITEMS = 20
"""Outlook items that one document may bring along, within each other or side by side."""


class Room(msgspec.Struct):
    """How many bytes may still be unpacked for one document, and how many Outlook items opened, whatever is in it."""

    left: int = MAX_UNPACKED
    items: int = MAX_ITEMS


class Reader(msgspec.Struct, frozen=True):
    """The hosts that are ours, the server whose Authentication-Results count, our notices' mark, this document's room."""

    hosts: Hosts
    authserv_id: str | None = None
    mark: Mark | None = None
    room: Room = msgspec.field(default_factory=Room)
