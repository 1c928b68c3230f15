"""Whole situations as they reach a mail team, with the result that an experienced administrator gives: a file for each.

`tests/scenarios/README.md` says how a file is written.
"""

import hashlib
import itertools
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.build import inputs
from triage.collect.item import Item
from triage.group import Documents, SqliteDocuments, incidents
from triage.mend import fill
from triage.model import Incident, Place
from triage.model.words import rank
from triage.pipeline import Parts, take_in, tell, with_names
from triage.probe import Address, Probed, Version
from triage.proof import close, proves
from triage.settings import Settings
from triage.wiring import parts_of

FOLDER = Path(__file__).parent / "scenarios"
FILES = sorted(FOLDER.glob("*.toml"))
NOW = "2026-10-20T12:00:00Z"
WRITES_KEYS = '"DisabledByDefault"=dword'
NOBODY = "nobody"
EXPECTED = {
    "blames", "category", "confidence", "actor", "registry", "state", "returned", "waiting", "sessions", "unencrypted",
    "says", "says_not", "not_sure_whom", "side", "linked", "sending", "receiving",
}  # fmt: skip


def scenario(path: Path) -> dict[str, Any]:
    """Read a scenario."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def parts_for(told: Mapping[str, Any]) -> Parts:
    """Give the real rules, runbooks and texts with the settings of a scenario."""
    ours = told.get("ours", {"domains": ["contoso.example"]})
    return parts_of(Settings(ours=ours, authserv_id=told.get("authserv_id")))


def differences(expected: Mapping[str, Any], found: Incident, documents: Documents, parts: Parts) -> list[str]:
    """Say in which points an incident is not what was expected of it."""
    verdict, counts = found.verdict, found.counts
    files = tell(found, documents, parts, NOW)
    ticket = files["ticket.md"].decode("utf-8")
    runbook = fill(found, parts.shelf, with_names(documents, parts).hosts)
    is_change_told = any(WRITES_KEYS in step.body for step in runbook.change) or any(
        name.endswith(".reg") for name in files
    )
    plain = {
        "blames": verdict.responsible.host or NOBODY,
        "side": verdict.responsible.side or NOBODY,
        "category": verdict.category,
        "actor": verdict.actor or NOBODY,
        "registry": is_change_told,
        "state": found.state,
        "sending": found.ends.sending or NOBODY,
        "receiving": found.ends.receiving or NOBODY,
        "returned": counts.returned,
        "waiting": counts.waiting,
        "sessions": counts.sessions,
        "unencrypted": counts.sent_unencrypted,
        "linked": len(found.linked),
    }
    wanted = {"registry": False, "state": "open", **expected}
    wrong = [
        f"{name}: {plain[name]!r}, not {wanted[name]!r}"
        for name in plain
        if name in wanted and plain[name] not in _either(wanted[name])
    ]
    lowest, highest = expected["confidence"]
    if not rank(lowest) <= rank(verdict.confidence) <= rank(highest):
        wrong.append(f"confidence: {verdict.confidence}, not {lowest} to {highest}")
    if expected.get("not_sure_whom") and verdict.responsible.confidence == "certain":
        wrong.append("whom it blames is called certain")
    wrong.extend(f"the ticket does not say {text!r}" for text in expected.get("says", ()) if text not in ticket)
    wrong.extend(f"the ticket says {text!r}" for text in expected.get("says_not", ()) if text in ticket)
    return wrong


def _either(wanted: Any) -> Sequence[Any]:
    return wanted if isinstance(wanted, list) else [wanted]


def compare(expected: Sequence[Mapping[str, Any]], documents: Documents, parts: Parts) -> list[str]:
    """Say how the incidents of a store differ from those expected, which stand in any order."""
    found = list(incidents(documents))
    if len(found) != len(expected):
        told = [f"{one.verdict.category} {one.ends.sending} to {one.ends.receiving}" for one in found]
        return [f"{len(found)} incidents, not {len(expected)}: {told}"]
    each = [[differences(wanted, one, documents, parts) for one in found] for wanted in expected]
    if len(found) > 5:  # too many orders to try: they stand in the order of their ends
        return [line for row in each for line in min(row, key=len)]
    orders = itertools.permutations(range(len(found)))
    best = min(orders, key=lambda order: sum(len(each[row][at]) for row, at in enumerate(order)), default=())
    return [
        f"{found[at].ends.sending} to {found[at].ends.receiving}: {line}"
        for row, at in enumerate(best)
        for line in each[row][at]
    ]


def probe(told: Mapping[str, Any], documents: Documents) -> None:
    """Let a probe of addresses answer, and close the incident which that proves mended."""
    results = [
        Probed(
            address=Address(ip), outcome="answered", starttls=True, versions=(Version(version="1.2", answer=answer),)
        )
        for ip, answer in told["answers"].items()
    ]
    for incident in list(incidents(documents)):
        if proves(incident, results):
            close(documents, incident, results, told.get("at", NOW))


def items_of(step: Mapping[str, Any], name: object) -> list[Item]:
    """Give the inputs of a step as collecting gives them."""
    contents = [content for one in step.get("input", ()) for content in inputs(one)]
    return [
        Item(Place(f"{name}-{at}"), content, hashlib.sha256(content).hexdigest()) for at, content in enumerate(contents)
    ]


def play(path: Path, store: Path) -> list[str]:
    """Play the steps of a scenario on one store, and say after each what is not as expected."""
    told = scenario(path)
    parts = parts_for(told)
    wrong: list[str] = []
    with SqliteDocuments(store) as documents:
        for number, step in enumerate(told["step"], start=1):
            for _ in take_in(items_of(step, number), documents, parts, step.get("now", NOW)):
                pass
            if "probe" in step:
                probe(step["probe"], documents)
            wrong.extend(f"step {number}: {line}" for line in compare(step.get("incident", ()), documents, parts))
    return wrong


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_situation_is_judged_as_an_experienced_administrator_judges_it(path: Path, tmp_path: Path) -> None:
    """Incidents, host to be mended, cause, how sure, who acts, what may be printed and what is counted, after each step."""
    wrong = play(path, tmp_path / "store.sqlite")
    assert not wrong, "\n".join(wrong)


MANY = 40
"""Inputs that are taken in one by one; a storm of more says nothing else."""


def _in_any_order(path: Path) -> bool:
    steps = scenario(path)["step"]
    given = [one.get("copies", 1) * one.get("times", 1) for step in steps for one in step.get("input", ())]
    return sum(given) <= MANY and not any("probe" in step or "now" in step for step in steps)


ORDERLY = [path for path in FILES if _in_any_order(path)]


@pytest.mark.parametrize("path", ORDERLY, ids=[path.stem for path in ORDERLY])
def test_the_order_in_which_evidence_comes_changes_nothing(path: Path, tmp_path: Path) -> None:
    """The last input first, each by itself and some of them twice: the end is that of the last step."""
    told = scenario(path)
    parts = parts_for(told)
    items = [item for number, step in enumerate(told["step"]) for item in items_of(step, number)][::-1]
    with SqliteDocuments(tmp_path / "store.sqlite") as documents:
        for item in items:
            for _ in take_in([item, *items[:1]], documents, parts, NOW):
                pass
        wrong = compare(told["step"][-1].get("incident", ()), documents, parts)
    assert not wrong, "\n".join(wrong)


def test_a_scenario_says_only_what_is_looked_at() -> None:
    """A word that the test does not know would be a promise that nobody keeps."""
    for path in FILES:
        told = scenario(path)
        assert {"title", "why", "step"} <= set(told) <= {"title", "why", "step", "ours", "authserv_id"}, path.name
        for step in told["step"]:
            assert set(step) <= {"input", "incident", "probe", "now"}, path.name
            for incident in step.get("incident", ()):
                assert {"blames", "category", "confidence", "actor"} <= set(incident) <= EXPECTED, path.name
