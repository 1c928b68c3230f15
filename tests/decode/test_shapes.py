"""Messages made up in the shapes of many servers say what their format's documentation says they say.

`shapes/*.txt` hold the messages, each behind a line `=== name` and, where it is not UTF-8, `| charset`;
the `shapes/*.toml` hold what they show, written by hand.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from triage.decode import decode
from triage.diagnose import Rulebook, diagnose
from triage.hosts import Hosts
from triage.model import Diagnosis, Document, Observation
from triage.model.words import Confidence, rank

ENDS = {"crcrlf": "\r\r\n", "cr": "\r"}
"""Line ends that stand where else a charset does."""
SHAPES = Path(__file__).parent / "shapes"
EXPECTED: dict[str, Any] = {
    family: rows
    for path in sorted(SHAPES.glob("*.toml"))
    for family, rows in tomllib.loads(path.read_text(encoding="utf-8")).items()
}


def messages() -> dict[tuple[str, str], bytes]:
    """Give every message by family and name, in the bytes of its charset."""
    found: dict[tuple[str, str], bytes] = {}
    for path in sorted(SHAPES.glob("*.txt")):
        pieces = re.split(r"(?m)^=== (.+)\n", path.read_text(encoding="utf-8"))[1:]
        for head, text in zip(pieces[::2], pieces[1::2], strict=True):
            name, _, charset = head.partition(" | ")
            ends = ENDS.get(charset)
            found[path.stem, name] = text.replace("\n", ends).encode() if ends else text.encode(charset or "utf-8")
    return found


MESSAGES = messages()
OURS = Hosts(domains=["contoso.example"])
"""Whose servers and addresses are ours, where a verdict says so."""
ROWS = [(family, name, row) for family, rows in EXPECTED.items() for name, row in rows.items()]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    """Give the shipped rules."""
    return Rulebook.load()


def read(family: str, name: str) -> Document:
    """Read one message."""
    return decode(MESSAGES[family, name], Hosts())


def told(one: Observation, rulebook: Rulebook) -> list[str]:
    """Give an observation as the table writes it."""
    found = diagnose(one, rulebook, Hosts())
    values = (one.action, one.recipient, one.reply_code, one.status, one.receiving_host, one.receiving_ip)
    return ["-" if value is None else str(value) for value in (*values, found and found.category)]


def whose(found: Diagnosis) -> str:
    """Say on whose side a verdict wants something mended, as the table writes it."""
    said = found.responsible
    if said.ours:
        return "ours"
    if said.kind in ("host", "device") and OURS.kind(said.host) in ("exchange-online", "microsoft"):
        return "microsoft"
    return "unknown" if said.ours is None else "theirs"


def test_every_message_has_its_row() -> None:
    """No message is without expected values, and no row without a message; each row names its source."""
    assert {(family, name) for family, name, _ in ROWS} == set(MESSAGES)
    assert all(row["source"] and row["kind"] for _, _, row in ROWS)


@pytest.mark.parametrize(("family", "name", "row"), ROWS, ids=[f"{family}, {name}" for family, name, _ in ROWS])
def test_a_shape_says_what_its_format_says(rulebook: Rulebook, family: str, name: str, row: dict[str, Any]) -> None:
    """Kind, recipients, codes, the other end, the category, who reports and what came back are those of the table."""
    document = read(family, name)
    seen = [one for one in document.observations if one.source == "ndr"]
    got = [told(one, rulebook) for one in seen]
    wanted = [[cell.replace("\u00a0", " ") for cell in line.split(" ")] for line in row.get("ndr", [])]
    shown = [
        [want if want == "?" or value in want.split("|") else value for value, want in zip(*pair, strict=True)]
        for pair in zip(got, wanted, strict=False)
    ]
    assert (document.kind, shown, got[len(wanted) :]) == (row["kind"], wanted, [])
    assert {one.reported_by for one in seen} <= {row.get("by", "?")} or "by" not in row
    assert {one.original.message_id for one in seen} <= {row.get("id")} or "id" not in row
    assert document.what == row.get("what")


VERDICTS = [one for one in ROWS if "verdict" in one[2]]


@pytest.mark.parametrize(("family", "name", "row"), VERDICTS, ids=[f"{family}, {name}" for family, name, _ in VERDICTS])
def test_a_verdict_is_as_sure_as_the_text_allows(
    rulebook: Rulebook, family: str, name: str, row: dict[str, Any]
) -> None:
    """Confidence and the side to be mended are those of the table; so are the codes of a record that a mail carries."""
    seen = [one for one in decode(MESSAGES[family, name], OURS).observations if one.source != "received"]
    found = [diagnosis for one in seen if (diagnosis := diagnose(one, rulebook, OURS))]
    assert len(found) == len(row["verdict"])
    if "records" in row:
        assert [" ".join(told(one, rulebook)[2:]) for one in seen] == row["records"]
    for diagnosis, (sure, side) in zip(found, (line.split(" ") for line in row["verdict"]), strict=True):
        levels: list[Confidence] = sure.split("-")
        assert rank(levels[0]) <= rank(diagnosis.confidence) <= rank(levels[-1])
        assert side == "?" or whose(diagnosis) in side.split("|")
