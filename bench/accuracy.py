"""How right the decoder is on a corpus of bounces whose truth is known.

    python bench/accuracy.py [--corpus DIR] [--list]

The corpus is a folder with `truth.jsonl` and `messages/` (its README says what each field means). It is measured in
place. What is scored: bounces found (a delay report counts as one), false alarms, recipients where a test asserts them
or two readings agree, and those status and reply codes that stand in the text.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from triage.decode import decode  # noqa: E402  # found beside this file, whether installed or not
from triage.decode.message import read_mail  # noqa: E402
from triage.hosts import Hosts  # noqa: E402
from triage.model import Document  # noqa: E402

CORPUS = Path(os.environ.get("TRIAGE_CORPUS", ROOT.parent / "shared" / "corpus"))
MEASURES = ("bounces", "no alarm", "recipients", "likely recipients", "status", "reply code")
MACHINE = "with a delivery-status part"


def main() -> int:
    """Score every message, print a table by source and, with --list, each miss."""
    options = _options()
    truth = [json.loads(line) for line in (options.corpus / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    scores: dict[tuple[str, str], Counter[bool]] = {}
    for row in truth:
        content = (options.corpus / "messages" / row["path"]).read_bytes()
        document = decode(content, Hosts())
        groups = [row["path"].split("/")[0], "all"]
        if any(leaf.kind == "text/delivery-status" for leaf in read_mail(content).leaves):
            groups.append(MACHINE)
        for measure, right, why in _score(row, document):
            for group in groups:
                scores.setdefault((group, measure), Counter())[right] += 1
            if options.list and not right:
                print(f"{measure:18} {row['path']}\n{'':18} {why}")
    _print(scores)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Score the decoder on a corpus with known truth.")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--list", action="store_true", help="print each miss and why")
    return parser.parse_args()


def _score(row: dict[str, Any], document: Document) -> Iterator[tuple[str, bool, str]]:
    """Give measure, right or wrong, and both values, for whatever the truth says of one message."""
    is_bounce = document.kind in ("bounce", "delay")
    if row.get("contested"):
        return
    if row.get("is_bounce") is True:
        yield "bounces", is_bounce, f"kind is {document.kind}"
    elif row.get("is_bounce") is False:
        yield "no alarm", not is_bounce, f"kind is {document.kind}, should be {row.get('kind')}"
    seen = [one for one in document.observations if one.source == "ndr"]
    yield from _recipients(row, [one.recipient for one in seen])
    statuses = [status for one in seen for status in (one.status, *(reply.status for reply in one.wrappers))]
    yield from _codes("status", row, statuses)  # a Status field that differs from the cause stands among the wrappers
    yield from _codes("reply_code", row, [str(one.reply_code) if one.reply_code else None for one in seen])


def _recipients(row: dict[str, Any], seen: list[str | None]) -> Iterator[tuple[str, bool, str]]:
    got = sorted({(one or "").lower() for one in seen} - {""})
    for field, measure in (("recipients", "recipients"), ("likely_recipients", "likely recipients")):
        if field in row and row.get("is_bounce") is not False:
            wanted = sorted({one.lower() for one in row[field]})
            yield measure, got == wanted, f"got {got}, should be {wanted}"
            return


def _codes(field: str, row: dict[str, Any], seen: list[str | None]) -> Iterator[tuple[str, bool, str]]:
    """Score the codes that stand in the text, as sets: the order of recipients differs between readings."""
    stands = row.get(f"{field}_in_text") or []
    wanted = {value for value, is_there in zip(row.get(field) or [], stands, strict=False) if is_there and value}
    if wanted:
        got = {one for one in seen if one}
        yield field.replace("_", " "), wanted <= got, f"got {sorted(got)}, should be {sorted(wanted)}"


def _print(scores: dict[tuple[str, str], Counter[bool]]) -> None:
    groups = sorted({group for group, _ in scores} - {"all", MACHINE})
    print(f"{'source':30}" + "".join(f"{measure:>19}" for measure in MEASURES))
    for group in (*groups, MACHINE, "all"):
        cells = (scores.get((group, measure), Counter()) for measure in MEASURES)
        print(f"{group:30}" + "".join(f"{_cell(one):>19}" for one in cells))


def _cell(score: Counter[bool]) -> str:
    total = score.total()
    return f"{score[True]}/{total} {100 * score[True] / total:5.1f}%" if total else "-"


if __name__ == "__main__":
    sys.exit(main())
