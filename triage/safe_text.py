"""Text that may come from a message, made safe for the place where it is put: one function for each place.

Every function takes any string and bounds its length; what was cut says so. None guesses whether a text is
dangerous: what the place treats as special is always escaped or taken away.

- `html`: HTML text and quoted attributes.
- `card_text`: a TextBlock or FactSet of an Adaptive Card.
- `markdown`, `markdown_code`, `fence`: inline text, a code span and a code block of Markdown.
- `csv_cell`: a cell of a file that a spreadsheet opens.
- `powershell`: a literal of PowerShell, quotes included.
- `log`, `terminal`, `file_name`: a log line, a screen, one part of a path.
"""

import re
from html import escape
from typing import Final

INLINE_LIMIT: Final = 500
"""Characters of one line of text: several screen lines of a ticket, far above any honest reply text."""

BLOCK_LIMIT: Final = 8_000
"""Characters of a code block: the longest session of a log, not a mailbox pasted into a diagnostic."""

CELL_LIMIT: Final = 2_000
"""Characters of a CSV cell: far below the 32,767 at which a spreadsheet cuts without a word."""

SCREEN_LIMIT: Final = 200_000
"""Characters printed at once: a whole ticket with its lists, not a mailbox."""

FILE_NAME_LIMIT: Final = 80
"""Characters of a file name: leaves room for a folder within the 260 of a Windows path."""

HIDDEN: Final = "…"
"""Stands where redaction took something away."""

# C0 and C1 controls and DEL, except tab and line feed (both are white space and handled as such).
_CONTROLS: Final = (*range(0x20), *range(0x7F, 0xA0))
# Characters that reorder what is read around them (bidirectional controls of UAX #9), that cannot be seen,
# and the Unicode tags: with them a name is made to look like another one.
_UNSEEN: Final = (
    *(0x00AD, 0x034F, 0x061C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x3164, 0xFEFF, 0xFFA0),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFFF0, 0xFFFC),
    *range(0xE0000, 0xE0080),
)
_VISIBLE: Final[dict[int, str | None]] = {
    **dict.fromkeys(_CONTROLS),
    **dict.fromkeys(_UNSEEN),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),  # lone surrogates cannot be written as UTF-8
    **dict.fromkeys((0x0A, 0x0D, 0x0B, 0x0C, 0x85, 0x2028, 0x2029), "\n"),
    0x09: "\t",
}

# A run of bytes after ESC, as ECMA-48 shapes it: CSI, OSC and its kin up to BEL or ST, or two characters.
_ESCAPE_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -~]"
)


def cut(text: str, limit: int) -> str:
    """Bound `text` to `limit` characters and say how many were cut, so that nobody takes it for the whole."""
    return text if len(text) <= limit else _marked(text, limit, len(text))


def _marked(text: str, limit: int, length: int) -> str:
    room = max(limit - len(f"… [{length} characters cut]"), 0)
    return f"{text[:room].rstrip()}… [{length - room} characters cut]"


def visible(text: str) -> str:
    """Take out what cannot be seen or reorders what is seen; each kind of line end becomes a line feed."""
    return text.replace("\r\n", "\n").translate(_VISIBLE)


def one_line(text: str, limit: int = INLINE_LIMIT) -> str:
    """Make one visible line of at most `limit` characters; each run of white space becomes a space."""
    # Only the part that may be kept is worked on: a diagnostic of a megabyte costs no more than a long line.
    window = limit * 4
    line = " ".join(visible(text[:window]).split())
    return cut(line, limit) if len(text) <= window else _marked(line, limit, max(len(text), limit + 1))


def block(text: str, limit: int = BLOCK_LIMIT) -> str:
    """Make visible text of several lines, bounded, without white space at its line ends."""
    lines = cut(visible(text[: limit * 2]), limit).split("\n")
    kept = "\n".join(line.rstrip() for line in lines).strip("\n")
    return kept if len(text) <= limit * 2 else _marked(kept, limit, len(text))


def html(text: str, limit: int = INLINE_LIMIT) -> str:
    """Give one line for HTML text or an attribute in double quotes."""
    return escape(one_line(text, limit), quote=True)


_CARD_REPLACED: Final = str.maketrans({"[": "(", "]": ")", "<": "‹", ">": "›", "*": "∗", "`": "'", "|": "¦"})
_CARD_SPLIT: Final = re.compile(
    r"(?<=\{)(?=\{)|(?<=\})(?=\})|(?<=~)(?=~)|(?<=\$)(?=\{)|(?<=:)(?=//)|(?<=&)(?=#?[0-9A-Za-z])"
)
_CARD_EMPHASIS: Final = re.compile(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_CARD_ESCAPE: Final = re.compile(r"\\(?![0-9A-Za-z ])")
_CARD_BLOCK_START: Final = re.compile(r"\A([-+#=]+|[0-9]+[.)]) ")
_CARD_RULE: Final = re.compile(r"\A[-=_ ]+\Z")


def card_text(text: str, limit: int = INLINE_LIMIT) -> str:
    """Give one line for an Adaptive Card, where no part of it is a link, a mention, a list or emphasis.

    What is special is replaced by a look-alike rather than escaped: clients differ in which backslash escapes
    they honour. A card is read, not copied from; the exact words stand in the ticket.
    """
    line = one_line(text, limit).translate(_CARD_REPLACED)
    line = _CARD_SPLIT.sub(" ", line)
    line = _CARD_EMPHASIS.sub("-", line)
    line = _CARD_ESCAPE.sub("/", line)
    if _CARD_RULE.match(line):
        return line.translate({ord("-"): "–", ord("="): "–", ord("_"): "–"})
    # A list or heading needs a plain space after its mark; a no-break space looks the same.
    return _CARD_BLOCK_START.sub("\\1\u00a0", line)


_MARKDOWN_SPECIAL: Final = re.compile(r"([\\`*_\[\]<>~|&#$])")
_MARKDOWN_START: Final = re.compile(r"\A([-+=]|[0-9]{1,9}(?=[.)]))")
_MARKDOWN_AUTOLINK: Final = re.compile(r"(?i)(:)(?=//)|((?<=www)\.)")
_BACKTICKS: Final = re.compile(r"`+")


def markdown(text: str, limit: int = INLINE_LIMIT) -> str:
    """Give one line of Markdown text (CommonMark and its GitHub extensions) that shows exactly these words."""
    line = _MARKDOWN_SPECIAL.sub(r"\\\1", one_line(text, limit))
    line = _MARKDOWN_AUTOLINK.sub(lambda found: "\\" + found.group(), line)
    if start := _MARKDOWN_START.match(line):
        mark = start.group()
        line = f"{mark}\\{line[len(mark) :]}" if mark.isdigit() else f"\\{line}"
    return line


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)


def markdown_code(text: str, limit: int = INLINE_LIMIT) -> str:
    """Give a Markdown code span of one line; empty text gives empty text, since there is no empty span."""
    line = one_line(text, limit)
    if not line:
        return ""
    ticks = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def fence(text: str, limit: int = BLOCK_LIMIT) -> str:
    """Give a fenced Markdown code block whose fence is longer than any run of backticks inside."""
    inside = block(text, limit)
    ticks = "`" * max(3, _longest_run(inside) + 1)
    return f"{ticks}text\n{inside}\n{ticks}"


# Also the full-width forms, which spreadsheets of East Asian locales read as the plain ones.
_FORMULA: Final = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA_START: Final = re.compile(rf"\A(?=\s*[{_FORMULA}\t\r])")
_FORMULA_AFTER_SEPARATOR: Final = re.compile(rf"(?<=[;,])(?=[\s\"']*[{_FORMULA}])")


def csv_cell(text: str, limit: int = CELL_LIMIT) -> str:
    """Give one quoted CSV cell (RFC 4180) that no spreadsheet reads as a formula.

    An apostrophe goes before `= + - @`, at the start and after a separator: a spreadsheet whose locale separates
    by semicolons splits the line elsewhere than we did.
    """
    marked = "'" if _FORMULA_START.match(text.lstrip(" ")) else ""
    line = one_line(text, limit)
    if not marked and _FORMULA_START.match(line):
        marked = "'"
    line = _FORMULA_AFTER_SEPARATOR.sub("'", line)
    return '"' + marked + line.replace('"', '""') + '"'


_POWERSHELL_QUOTES: Final = re.compile("(['\u2018\u2019\u201a\u201b])")


def powershell(text: str, limit: int = INLINE_LIMIT) -> str:
    """Give a PowerShell string literal in single quotes: nothing inside is expanded or ends it.

    PowerShell takes the four typographic single quotes for the plain one, so they are doubled too.
    """
    return "'" + _POWERSHELL_QUOTES.sub(r"\1\1", one_line(text, limit)) + "'"


def log(text: str, limit: int = INLINE_LIMIT) -> str:
    """Give one line for a log: no text can start a line of its own or colour what follows."""
    return one_line(_ESCAPE_SEQUENCE.sub("", text[: limit * 8]) + text[limit * 8 :], limit)


def terminal(text: str, limit: int = SCREEN_LIMIT) -> str:
    """Give text for a screen without escape sequences (ECMA-48), controls and bidirectional marks.

    Line feeds, tabs and spaces stay: the caller decides what a line or a cell is.
    """
    return cut(visible(_ESCAPE_SEQUENCE.sub("", text[: limit * 2])), limit)


_FILE_NAME_FOREIGN: Final = re.compile(r"[^0-9A-Za-z._-]+")
_FILE_NAME_RESERVED: Final = re.compile(r"(?i)\A(con|prn|aux|nul|com[0-9]|lpt[0-9])(?=\.|\Z)")


def file_name(text: str) -> str:
    """Give one part of a path that Windows, macOS and Linux take: letters, digits, `.`, `_` and `-`.

    Never empty, never `.` or `..`, never a device name. Two texts may give one name: the caller keeps them apart.
    """
    name = _FILE_NAME_FOREIGN.sub("-", text[: FILE_NAME_LIMIT * 4]).strip(".-_ ")[:FILE_NAME_LIMIT].rstrip(".-_ ")
    return _FILE_NAME_RESERVED.sub(r"_\1", name) or "unnamed"


_DOMAIN: Final = re.compile(r"[0-9A-Za-z.\-\u00a1-\uffff]{1,255}\Z")
# What ends the local part of an address that stands in running text (RFC 5322 specials and white space).
_OUTSIDE_LOCAL: Final = frozenset(" \t\r\n\f\v\u00a0<>(),;:[]{}\\\"'@`|=…")


def redact_address(address: str) -> str:
    """Hide whose address it is and keep the domain: `…@fabrikam.example`; without a plain domain, only `…`."""
    _, at, domain = one_line(address, 400).rpartition("@")
    domain = domain.strip("<> ")
    return f"{HIDDEN}@{domain}" if at and _DOMAIN.match(domain) else HIDDEN


def redact_addresses(text: str) -> str:
    """Hide the local part of each address in running text, also of a quoted one; the domains stay."""
    parts = text.split("@")
    kept = []
    for part in parts[:-1]:
        end = len(part)
        if part.endswith('"') and len(part) > 1:
            end = max(part.rfind('"', 0, len(part) - 1), 0)
        else:
            while end and (part[end - 1] not in _OUTSIDE_LOCAL or part[end - 1] == "="):
                end -= 1
        kept.append(part[:end] + HIDDEN if end < len(part) else part)
    return "@".join([*kept, parts[-1]])


def redact_subject(subject: str) -> str:
    """Hide a subject: what a message is about is nobody's business on a card."""
    return f"{HIDDEN} (subject hidden)" if subject.strip() else subject
