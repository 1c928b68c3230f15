"""Where Outlook items stand: a `.msg` or `winmail.dat` file by itself, or attached to a message."""

import msgspec

from triage.decode.mapi import BODY, CLASS, HEADERS, Item
from triage.decode.message import Leaf, Mail
from triage.decode.msg_file import is_msg, read_msg
from triage.decode.reader import Room
from triage.decode.tnef import is_tnef, read_tnef

NO_ITEM = "It is no Outlook item that can be read, or a file of another Office program: save the message as .eml."
DAMAGED = "An Outlook item in it (.msg, winmail.dat) cannot be read: save the message as .eml or forward it attached."

_TNEF_TYPES = ("application/ms-tnef", "application/vnd.ms-tnef")
_TYPES = (*_TNEF_TYPES, "application/vnd.ms-outlook", "application/octet-stream", "application/msoutlook")
_NAMES = (".msg", "winmail.dat")


def is_item(content: bytes) -> bool:
    """True for a file that is an Outlook item by its first bytes, or a compound file of another program."""
    return is_msg(content) or is_tnef(content)


def read_item_file(content: bytes) -> Item | None:
    """Read a `.msg` or `winmail.dat` file; None where it cannot be read. Never raises."""
    return read_msg(content) if is_msg(content) else read_tnef(content)


def items_of(mail: Mail, room: Room) -> list[Item | None]:
    """Give the items attached to a message, None for one that cannot be read; at most as many as there is room for."""
    items: list[Item | None] = []
    for leaf in mail.leaves:
        if not _may_be(leaf):
            continue
        content = leaf.content
        if not is_item(content):
            continue
        if room.items <= 0 or len(content) > room.left:
            items.append(None)
            continue
        room.items -= 1
        room.left -= len(content)
        item = read_item_file(content)
        if item is not None or leaf.filename.lower().endswith(_NAMES) or leaf.kind in _TNEF_TYPES:
            items.append(item)
    return items


def as_own(item: Item | None, mail: Mail) -> Item | None:
    """Give a report that a message is itself, in Outlook's form and under the message's own header; None for all else."""
    if item is None or not item.recipients or not str(item.properties.get(CLASS, "")).lower().startswith("report."):
        return None  # without recipients the message's own text says more
    if not any(leaf.kind in _TNEF_TYPES or leaf.filename.lower() == "winmail.dat" for leaf in mail.leaves):
        return None
    header = "\n".join(f"{name}: {mail.header(name)}" for name in dict.fromkeys(mail.node.keys()))
    beside = next(
        (leaf.text for leaf in mail.leaves if leaf.kind in ("text/plain", "text/html") and leaf.text.strip()), ""
    )
    return msgspec.structs.replace(item, properties={BODY: beside, **item.properties, HEADERS: header})


def _may_be(leaf: Leaf) -> bool:
    return leaf.kind in _TYPES or leaf.filename.lower().endswith(_NAMES)
