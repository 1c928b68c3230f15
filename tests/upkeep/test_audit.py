"""The audit finds what is wrong, and nothing where all is right."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.people import acknowledge, resolve
from triage.collect.item import Item
from triage.collect.journal import record
from triage.errors import Transient
from triage.group import Documents, incidents, keep
from triage.group.ledger import MESSAGE, REPORT, Ledger
from triage.group.packed import DIGEST
from triage.group.stored import change_ledger
from triage.model import Diagnosis
from triage.pipeline import Parts, count, read
from triage.upkeep import Audit, Periods, audit, retain

NOW = "2026-10-20T12:00:00Z"
LATER = "2027-10-20T12:00:00Z"


class Held:
    """A lease that is held as often as asked, or never."""

    def __init__(self, held: bool = True) -> None:
        self.held, self.released = held, 0

    def hold(self) -> bool:
        """Tell whether it is held."""
        return self.held

    def release(self) -> None:
        """Count it."""
        self.released += 1


def audited(documents: Documents, parts: Parts) -> Audit:
    """Audit under a lease that is free."""
    return audit(documents, parts, LATER, Held())


def alter(documents: Documents, incident_id: str, change: Callable[[Ledger], Ledger]) -> None:
    """Do to an incident's document what only a fault would do."""

    def of_existing(found: Ledger | None) -> Ledger:
        assert found is not None
        return change(found)

    change_ledger(documents, incident_id, of_existing)


def first_id(documents: Documents) -> str:
    """Give the id of the incident of four messages."""
    (found,) = (one.id for one in incidents(documents) if one.counts.returned == 4)
    return found


def test_a_store_that_is_right_has_no_difference(filled: Documents, parts: Parts) -> None:
    """What was taken in is found again by counting anew, and the audit changes no document."""
    before = [(one.key, one.tag) for one in filled.list("")]
    found = audited(filled, parts)
    assert (found.incidents, found.readings, found.waiting, found.unread) == (2, 6, 0, 0)
    assert (found.differences, found.verdicts, found.past_retention) == ([], [], {})
    assert [(one.key, one.tag) for one in filled.list("")] == before


@pytest.mark.parametrize(
    ("field", "tamper", "stored", "recomputed"),
    [
        ("counts.returned", {"messages": lambda old: old[MESSAGE:]}, 3, 4),
        ("recipients", {"recipients": lambda old: old + b"x" * DIGEST}, 5, 4),
        ("senders", {"senders": lambda _: b""}, 0, 1),
        ("domains", {"domains": lambda old: old * 3}, 3, 1),
        ("counts.waiting", {"depths": lambda _: {"q": 9}}, 9, 0),
        ("reports", {"reports": lambda old: old[REPORT:]}, 3, 4),
        ("first_seen", {"first_seen": lambda _: None}, None, "2026-10-20T09:04:11Z"),
        ("last_seen", {"last_seen": lambda _: "2026-12-31T00:00:00Z"}, "2026-12-31T00:00:00Z", "2026-10-20T09:04:11Z"),
        ("family", {"family": lambda _: "routing"}, "routing", "session"),
    ],
)
def test_each_value_that_was_changed_is_named(
    filled: Documents, parts: Parts, field: str, tamper: dict[str, Callable[[Any], Any]], stored: Any, recomputed: Any
) -> None:
    """A counter or time that does not follow from the readings is named, with both values, and nothing else is."""
    incident_id = first_id(filled)
    ((name, change),) = tamper.items()
    alter(filled, incident_id, lambda old: msgspec.structs.replace(old, **{name: change(getattr(old, name))}))
    (one,) = audited(filled, parts).differences
    assert (one.what, one.field, one.stored, one.recomputed) == (incident_id, field, stored, recomputed)


def test_what_people_did_is_no_difference(filled: Documents, parts: Parts) -> None:
    """Acknowledging and resolving are not in the readings, and are not missed there."""
    acknowledge(filled, first_id(filled), "karl.holm", NOW)
    resolve(filled, first_id(filled), "mended", NOW)
    assert audited(filled, parts).differences == []


def test_a_lost_incident_is_named(filled: Documents, parts: Parts) -> None:
    """An incident that its readings make and the store has not is named."""
    gone = first_id(filled)
    filled.delete(f"incident/{gone}")
    assert [(one.what, one.stored) for one in audited(filled, parts).differences] == [(gone, None)]


def test_a_lost_reading_is_named(filled: Documents, parts: Parts, items: list[Item]) -> None:
    """A report that was counted, and whose reading is nowhere, is named by the digest of its input."""
    filled.delete(f"reading/{items[0].sha256}")
    found = audited(filled, parts).differences
    assert ("reading", f"{items[0].sha256[:32]}…") in [(one.field, one.stored) for one in found]
    assert ("reports", 4, 3) in [(one.field, one.stored, one.recomputed) for one in found]


def test_damaged_documents_are_named_and_the_rest_is_audited(
    filled: Documents, parts: Parts, items: list[Item]
) -> None:
    """Bytes that are no reading, another input's reading, and bytes that are no ledger are each named."""
    other = filled.get(f"reading/{items[1].sha256}")
    assert other is not None
    for key, body in ((f"reading/{items[4].sha256}", b"{"), (f"reading/{items[5].sha256}", other[0])):
        tag = filled.get(key)
        assert tag is not None
        filled.put(key, body, tag[1])
    filled.put("incident/ZZZZZZZZ", b"\xc1", None)
    named = {one.what for one in audited(filled, parts).differences if one.field == "document"}
    assert named == {f"reading/{items[4].sha256}", f"reading/{items[5].sha256}", "incident/ZZZZZZZZ"}


def test_what_waits_is_no_difference(
    documents: Documents, parts: Parts, items: list[Item], feed: Callable[..., None]
) -> None:
    """Readings that are not counted yet, and inputs that were never read, are told apart from differences."""
    feed(items[:4])
    keep(documents, read(items[4], parts), NOW)
    record(documents, items[5], NOW)
    found = audited(documents, parts)
    assert (found.differences, found.readings, found.waiting, found.unread) == ([], 5, 1, 1)


def test_a_kill_between_two_incidents_of_one_reading_is_no_difference(
    documents: Documents, parts: Parts, items: list[Item]
) -> None:
    """A reading whose first finding is counted and whose second is not yet gives what is stored, and no more."""
    one, other = read(items[0], parts), read(items[4], parts)
    both = msgspec.structs.replace(one, findings=one.findings + other.findings)
    second_first = msgspec.structs.replace(one, findings=other.findings + one.findings, sha256=items[1].sha256)
    for reading in (both, second_first):
        keep(documents, reading, NOW)
    count(documents, [both, second_first], parts, NOW)
    for reading in (both, second_first):
        documents.put(f"uncounted/{reading.sha256}", b"", None)
    assert audited(documents, parts).differences == []
    (lost,) = (found.id for found in incidents(documents) if found.ends.sending == "hq-ex13b.contoso.example")
    documents.delete(f"incident/{lost}")
    assert audited(documents, parts).differences == []


def test_a_verdict_that_todays_rules_would_change_is_told_apart(filled: Documents, parts: Parts) -> None:
    """A verdict of older rules is shown beside today's, and is no difference of the store."""
    dns = Diagnosis(category="dns")
    alter(filled, first_id(filled), lambda old: msgspec.structs.replace(old, verdict=dns))
    found = audited(filled, parts)
    assert found.differences == []
    assert [(one.what, one.stored[:3]) for one in found.verdicts] == [(first_id(filled), "dns")]


def test_inputs_past_retention_are_no_difference(
    documents: Documents, parts: Parts, items: list[Item], feed: Callable[..., None]
) -> None:
    """Where retention removed readings, the counts stay and the audit says that it cannot count them again."""
    feed(items[:2], "2026-10-20T12:00:00Z")
    feed(items[2:], "2027-10-01T12:00:00Z")
    retain(documents, None, Periods(readings_days=90), LATER)
    found = audited(documents, parts)
    assert (found.differences, found.readings) == ([], 4)
    assert found.past_retention == {first_id(documents): 2}


def test_past_retention_a_count_that_is_too_low_is_still_named(
    documents: Documents, parts: Parts, items: list[Item], feed: Callable[..., None]
) -> None:
    """A counter below what the readings that are left give is wrong, whatever else was removed."""
    feed(items[:1], "2026-10-20T12:00:00Z")
    feed(items[1:], "2027-10-01T12:00:00Z")
    retain(documents, None, Periods(readings_days=90), LATER)
    incident_id = first_id(documents)
    alter(documents, incident_id, lambda old: msgspec.structs.replace(old, messages=b""))
    found = [(one.what, one.field, one.stored, one.recomputed) for one in audited(documents, parts).differences]
    assert found == [(incident_id, "counts.returned", 0, 3)]


def test_a_reading_lost_after_retention_is_named(
    documents: Documents, parts: Parts, items: list[Item], feed: Callable[..., None]
) -> None:
    """Retention excuses what is older than its day alone: a reading of a younger incident is missed."""
    feed(items)
    retain(documents, None, Periods(readings_days=3650), LATER)
    documents.delete(f"reading/{items[0].sha256}")
    assert "reading" in [one.field for one in audited(documents, parts).differences]


def test_without_the_lease_there_is_no_audit(filled: Documents, parts: Parts) -> None:
    """While a committer counts, its half-done work would look like differences: the operator is told to wait."""
    with pytest.raises(Transient, match="committer is at work"):
        audit(filled, parts, NOW, Held(held=False))
    lease = Held()
    audit(filled, parts, NOW, lease)
    assert lease.released == 1
