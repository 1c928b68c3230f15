"""The bounds within which a message is read: whatever it holds, reading it ends soon and in little memory."""

HEAD_BYTES = 6 * 2**20
TAIL_BYTES = 2 * 2**20
"""Of a larger message its start and its end are read: a report stands before or after what makes it large."""

HEADER_BYTES = 256 * 2**10
"""Of the first header block. Real ones end below 64 KiB, most servers refuse more."""

MAX_BOUNDARIES = 120
"""Multiparts in one message: each open one is compared with every line. Real reports nest fewer than ten."""

MAX_DELIMITERS = 4000
"""Lines that look like a part's start. A digest of a mailing list has some hundred."""

MAX_LINES = 300_000
"""Lines of one message: eight megabytes of base64 have 110,000."""

SMALL_BYTES = 256 * 2**10
"""What is read of a message that passes one of the three bounds above: its start, as it stands."""

MAX_DEPTH = 8
"""Messages within messages: a report that was forwarded a few times, each time attached."""

MAX_MESSAGES = 50
"""Messages attached at all levels together: someone who forwards a whole batch of reports."""

MAX_PARTS = 400
"""Leaf parts that are looked at in one message."""

TEXT_BYTES = 256 * 2**10
"""Of each text part, after transfer decoding: Exchange's longest human parts are some ten kilobytes."""

STATUS_BYTES = 4 * 2**20
"""Of a delivery-status part: some 200 bytes for each recipient."""

MAX_RECIPIENTS = 2000
"""Recipients of one report that become observations; the rest is counted as suppressed."""

MAX_HOPS = 30
"""Received stamps read of one returned message: RFC 5321 §6.3 asks servers to stop loops at about a hundred."""

MAX_HEADER = 8 * 2**10
"""Characters used of one header value, address or subject."""

MAX_FIELDS = 60
"""Fields kept for one recipient of a delivery-status part; RFC 3464 names eleven."""

MAX_ADDRESS = 320
"""RFC 5321 §4.5.3.1: 64 octets before the @, 255 behind it."""

MAX_COMMENTS = 20
"""Comments (RFC 5322 §3.2.2) of an address header: the standard library's reader recurses once for each nested one."""

MAX_LINE = 1000
"""Characters of one line of a human part: RFC 5321 §4.5.3.1.6 allows 998."""
