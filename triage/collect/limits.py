"""What an input may cost: each bound with its reason. Past a bound there is an item with a sentence, never a crash."""

import msgspec

MIB = 2**20
GIB = 2**30


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of `collect.files`. Sizes are bytes; the number of messages in an mbox has none: it is streamed."""

    message_bytes: int = 50 * MIB
    """One document. Exchange Online carries 150 MB at most and returns headers alone for a large message;
    the largest real reports are far below, and a document is held in memory whole."""

    log_bytes: int = 12 * MIB
    """A protocol log held in memory; a larger one is read in pieces, whatever its size. Exchange begins a new file at
    10 MB by default."""

    archive_depth: int = 4
    """Archives within archives: a .zip of a .zip of a .gz is in use, a tower of them is a bomb."""

    archive_members: int = 500_000
    """Members of all archives of one input: some years of bounces, listed in seconds."""

    unpacked_bytes: int = 4 * GIB
    """All that one input unpacks to, each layer counted: about ten seconds of unpacking."""

    unpacked_ratio: int = 200
    """Unpacked bytes for each byte of the input. Mailboxes pack 3 to 60 times; deflate ends at 1,032."""

    unpacked_floor: int = 64 * MIB
    """What any input may unpack to whatever its ratio: a small input costs little at any ratio."""

    spooled_bytes: int = GIB
    """A .zip or a large log that has to be copied to a temporary file to be read (from a pipe or an inner archive)."""

    folder_depth: int = 100
    """Folders within folders: no mail store comes near, a loop that links cannot show does."""

    files: int = 5_000_000
    """Files of one run: more means that the root of a disk was named."""
