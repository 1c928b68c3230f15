"""How right the decoder and the rules are on a corpus of bounces whose truth is known.

    python bench/accuracy.py [--corpus DIR] [--list] [--only MEASURE]

The corpus is a folder with `truth.jsonl` and `messages/` (its README says what each field means). It is measured in
place. What is scored, and only where the truth says it: bounces found (a delay report counts as one), false alarms,
recipients where a test asserts them or two readings agree, asserted ones also by either address (some tests assert the
one that the sender wrote, some the final one), those status and reply codes that stand in the text, the cause (by
`peer_words.toml`, hints only) and the cause by any table of the peer where two of its own assert different words, the
remote server's name and address, the SMTP command in reply to which it failed, the action, the original Message-ID and
the server that reports.

With flufl.bounce installed (`pip install flufl.bounce`) it reads the same messages in the same process.
"""

import argparse
import ast
import email
import email.policy
import importlib
import json
import logging
import os
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from triage.decode import decode  # noqa: E402  # found beside this file, whether installed or not
from triage.decode.message import read_mail  # noqa: E402
from triage.diagnose import Rulebook, diagnose  # noqa: E402
from triage.hosts import Hosts  # noqa: E402
from triage.model import Document, Observation  # noqa: E402

CORPUS = Path(os.environ.get("TRIAGE_CORPUS", ROOT.parent / "shared" / "corpus"))
MEASURES = (
    "bounces", "no alarm", "recipients", "either address", "likely recipients", "status", "reply code", "category",
    "any table's", "remote host", "remote ip", "phase", "action", "message id", "reported by",
)  # fmt: skip
MACHINE = "with a delivery-status part"
PHASES = {
    "CONN": "connect",
    "EHLO": "ehlo",
    "STARTTLS": "starttls",
    "MAIL": "envelope",
    "RCPT TO": "envelope",
    "DATA": "data",
}
"""What our field `tls.phase` calls the command that a peer names."""
_OTHER_TABLE = re.compile(r"table differs: (\[\([^\]]*\)\])")
"""What another table of the same peer asserts of a message, among the doubts of the truth: status, code and word."""

Scored = tuple[str, bool, str]
Peer = Callable[[bytes], set[str]]


def main() -> int:
    """Score every message, print a table by source and, with --list, each miss."""
    options = _options()
    truth = [json.loads(line) for line in (options.corpus / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    words, disputed = _table("peer_words.toml"), _table("disputed.toml")
    hosts, rulebook, peer = Hosts(), Rulebook.load(), _flufl()
    scores: dict[tuple[str, str], Counter[bool]] = {}
    peers: dict[str, Counter[bool]] = {}
    misses: dict[str, Counter[bool]] = {}
    for row in truth:
        content = (options.corpus / "messages" / row["path"]).read_bytes()
        document = decode(content, hosts)
        seen = [one for one in document.observations if one.source == "ndr"]
        categories: set[str] = {found.category for one in seen if (found := diagnose(one, rulebook, hosts))}
        source = row["path"].split("/")[0]
        groups = [source, "all"]
        if any(leaf.kind == "text/delivery-status" for leaf in read_mail(content).leaves):
            groups.append(MACHINE)
        for measure, right, why in (*_score(row, document, seen), *_category(row, categories, words.get(source, {}))):
            for group in groups:
                scores.setdefault((group, measure), Counter())[right] += 1
            if not right:
                held = disputed.get("category" if measure == "any table's" else measure, {}).get(row["path"])
                misses.setdefault(measure, Counter())[held is not None] += 1
                if options.list and options.only in (None, measure):
                    print(f"{measure:18} {row['path']}\n{'':18} {why}" + (f"\n{'':18} held: {held}" if held else ""))
        if peer is not None:
            for measure, right, _ in _scored_peer(row, peer(content)):
                peers.setdefault(measure, Counter())[right] += 1
    _print(scores)
    told = (f"{name} {one.total()} ({one[True]} held)" for name, one in misses.items())
    print("\nMisses, and how many of them we hold to after reading (disputed.toml): " + ", ".join(told))
    if peer is not None:
        print("flufl.bounce on the same: " + ", ".join(f"{name} {_cell(one)}" for name, one in peers.items()))
    return 0


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "bench" / name).read_text(encoding="utf-8"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Score the decoder and the rules on a corpus with known truth.")
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--list", action="store_true", help="print each miss and why")
    parser.add_argument("--only", choices=MEASURES, help="list the misses of one measure alone")
    options = parser.parse_args()
    if not (options.corpus / "truth.jsonl").is_file():
        parser.error(f"there is no truth.jsonl in {options.corpus}: name a corpus with --corpus")
    return options


def _score(row: dict[str, Any], document: Document, seen: list[Observation]) -> Iterator[Scored]:
    """Give measure, right or wrong, and both values, for whatever the truth says of one message."""
    if row.get("contested"):
        return
    yield from _is_bounce(row, document.kind in ("bounce", "delay"), document.kind)
    yield from _recipients(row, {one.recipient or "" for one in seen})
    yield from _either_address(row, seen)
    statuses = {status for one in seen for status in (one.status, *(reply.status for reply in one.wrappers))}
    yield from _codes("status", row, statuses)  # a Status field that differs from the cause stands among the wrappers
    yield from _codes("reply_code", row, {str(one.reply_code) for one in seen})
    yield from _value("remote host", row.get("remote_host"), (one.receiving_host for one in seen))
    yield from _value("remote ip", row.get("remote_ip"), (one.receiving_ip for one in seen))
    yield from _value("phase", PHASES.get(row.get("command") or ""), (one.tls.phase for one in seen))
    yield from _value("action", row.get("action"), (one.action for one in seen))
    yield from _value("reported by", row.get("reporting_host"), (one.reported_by for one in seen))
    yield from _value(
        "message id", (row.get("original_message_id") or "").strip("<>"), (one.original.message_id for one in seen)
    )


def _is_bounce(row: dict[str, Any], is_bounce: bool, kind: str) -> Iterator[Scored]:
    if row.get("contested"):
        return
    if row.get("is_bounce") is True:
        yield "bounces", is_bounce, f"kind is {kind}"
    elif row.get("is_bounce") is False:
        yield "no alarm", not is_bounce, f"kind is {kind}, should be {row.get('kind')}"


def _recipients(row: dict[str, Any], seen: Iterable[str]) -> Iterator[Scored]:
    got = sorted({one.lower() for one in seen} - {""})
    for field, measure in (("recipients", "recipients"), ("likely_recipients", "likely recipients")):
        if field in row and row.get("is_bounce") is not False and not row.get("contested"):
            wanted = sorted({one.lower() for one in row[field]})
            yield measure, got == wanted, f"got {got}, should be {wanted}"
            return


def _either_address(row: dict[str, Any], seen: list[Observation]) -> Iterator[Scored]:
    """Score asserted recipients that are those of the report or those that the sender wrote: tests want either."""
    if "recipients" not in row or row.get("is_bounce") is False:
        return
    wanted = {one.lower() for one in row["recipients"]}
    final = {one.recipient.lower() for one in seen if one.recipient}
    sent_to = {known.lower() for one in seen if (known := one.original_recipient or one.recipient)}
    yield "either address", wanted in (final, sent_to), f"got {sorted(final | sent_to)}, should be {sorted(wanted)}"


def _codes(field: str, row: dict[str, Any], got: set[Any]) -> Iterator[Scored]:
    """Score the codes that stand in the text, as sets: the order of recipients differs between readings."""
    stands = row.get(f"{field}_in_text") or []
    wanted = {value for value, is_there in zip(row.get(field) or [], stands, strict=False) if is_there and value}
    if wanted:
        yield field.replace("_", " "), wanted <= got, f"got {sorted(filter(None, got))}, should be {sorted(wanted)}"


def _value(measure: str, wanted: str | None, seen: Iterable[str | None]) -> Iterator[Scored]:
    if wanted:
        got = sorted({one.lower() for one in seen if one})
        yield measure, got == [wanted.lower()], f"got {got}, should be {wanted.lower()}"


def _category(row: dict[str, Any], got: set[str], table: dict[str, list[str]]) -> Iterator[Scored]:
    """Score the cause: each of the peer's words is met by a category of ours, and each of ours by a word."""
    words = [word for word in row.get("category") or [] if word]
    sets = [set(table[word]) for word in words]
    if not sets or not all(sets) or row.get("contested") or row.get("is_bounce") is False:
        return
    right = _agrees(got, sets)
    yield "category", right, f"got {sorted(got)}, should be {words}"
    others = [{word for *_, word in ast.literal_eval(found)} for found in _OTHER_TABLE.findall(str(row["doubts"]))]
    either = right or any(_agrees(got, [set(table[word]) for word in one]) for one in others)
    yield "any table's", either, f"got {sorted(got)}, should be {words} or one of {list(map(sorted, others))}"


def _agrees(got: set[str], sets: list[set[str]]) -> bool:
    return bool(got) and all(one & got for one in sets) and got <= set().union(*sets)


def _scored_peer(row: dict[str, Any], found: set[str]) -> Iterator[Scored]:
    yield from _is_bounce(row, bool(found), "")
    if found:
        yield from _recipients(row, found)


def _flufl() -> Peer | None:
    """Give the reading of flufl.bounce, the recipients that it finds; None where it is not installed."""
    logging.getLogger("flufl.bounce").addHandler(logging.NullHandler())
    logging.getLogger("flufl.bounce").propagate = False  # it logs a traceback for each detector that fails
    try:
        detectors = importlib.import_module("flufl.bounce")
    except ImportError:
        return None

    def read(content: bytes) -> set[str]:
        try:
            found = detectors.all_failures(email.message_from_bytes(content, policy=email.policy.compat32))
        except Exception:  # noqa: BLE001  # a detector that fails is its answer: nothing found
            return set()
        return {one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in set().union(*found)}

    return read


def _print(scores: dict[tuple[str, str], Counter[bool]]) -> None:
    groups = sorted({group for group, _ in scores} - {"all", MACHINE})
    for measures in (MEASURES[:7], MEASURES[7:]):
        print(f"{'source':30}" + "".join(f"{measure:>19}" for measure in measures))
        for group in (*groups, MACHINE, "all"):
            cells = [scores.get((group, measure), Counter()) for measure in measures]
            if any(one.total() for one in cells):
                print(f"{group:30}" + "".join(f"{_cell(one):>19}" for one in cells))


def _cell(score: Counter[bool]) -> str:
    total = score.total()
    return f"{score[True]}/{total} {100 * score[True] / total:5.1f}%" if total else "-"


if __name__ == "__main__":
    sys.exit(main())
