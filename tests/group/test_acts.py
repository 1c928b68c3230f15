"""What people do to incidents: written before it takes effect, done once, and made good after a kill."""

import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import IO

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.people import acknowledge, resolve
from triage.errors import BadInput, NotFound
from triage.group import (
    Documents,
    InboxActs,
    Periods,
    act_on,
    age,
    apply_waiting,
    claim,
    commit,
    find_incident,
    incidents,
    read_act,
)
from triage.group.acts import MAX_BYTES, DocumentActs, act_name, effect
from triage.group.fold import Judge
from triage.group.stored import load_ledger
from triage.hosts import Hosts
from triage.model import Act, ChangeKind, Facts, Incident, Reading

NOW = "2026-10-20T12:00:00Z"
SOON = "2026-10-20T13:00:00Z"
LATER = "2026-10-21T12:00:00Z"
MUCH_LATER = "2026-10-25T12:00:00Z"


def loud(_facts: Facts, _kind: ChangeKind) -> Sequence[str]:
    """Tell one sink of everything."""
    return ("webhook",)


class Inbox:
    """An inbox in memory: names once written stay."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def put(self, name: str, content: bytes) -> bool:
        """Keep one."""
        return self.files.setdefault(name, content) is content

    def open(self, name: str) -> IO[bytes] | None:
        """Open one."""
        return io.BytesIO(self.files[name]) if name in self.files else None

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give names."""
        return iter(sorted(name for name in self.files if name.startswith(prefix)))


@pytest.fixture
def report(documents: Documents, judge: Judge, hosts: Hosts, reading: Callable[..., Reading]) -> Callable[..., str]:
    """Give a function that lets bounces of one incident come in, and gives its id."""
    numbers = itertools.count()

    def come(count: int = 1, now: str = NOW, **changes: object) -> str:
        found = [reading(next(numbers), confidence="certain", **changes) for _ in range(count)]
        commit(documents, found, judge, hosts, now, route=loud)
        return next(incidents(documents)).id

    return come


def kinds(incident: Incident) -> list[str]:
    """Give the kinds of the changes."""
    return [one.kind for one in incident.changes]


# ---- the journal


@pytest.mark.parametrize("where", ["store", "inbox"])
def test_an_act_is_written_with_all_that_finds_its_incident_again(
    where: str, documents: Documents, report: Callable[..., str]
) -> None:
    """The entry names id, family and ends, who, when, until when and why; it lies under its day."""
    inbox = Inbox()
    journal = DocumentActs(documents) if where == "store" else InboxActs(inbox)
    incident = act_on(documents, report(), "silence", "Ana", NOW, text="works on it", until=LATER, journal=journal)
    (act,) = journal.acts()
    assert (act.kind, act.by, act.at, act.until, act.text) == ("silence", "Ana", NOW, LATER, "works on it")
    assert (act.incident, act.family, act.ends) == (incident.id, incident.family, incident.ends)
    name = f"2026-10-20/20261020T120000Z-{act.id}.json"
    assert (list(inbox.files) or [one.key for one in documents.list("act/")]) == [
        f"acts/{name}" if where == "inbox" else f"act/{name}"
    ]


def test_an_act_is_written_before_it_takes_effect(documents: Documents, report: Callable[..., str]) -> None:
    """Where the journal takes nothing, nothing happens to the incident."""

    class Full(Inbox):
        def put(self, name: str, content: bytes) -> bool:
            raise OSError(f"full: {name} {len(content)}")

    incident = report()
    with pytest.raises(OSError, match="full"):
        acknowledge(documents, incident, "Ana", NOW, journal=InboxActs(Full()))
    assert find_incident(documents, incident).acknowledged_by is None


def test_an_act_on_what_is_not_there_leaves_no_entry(documents: Documents) -> None:
    """An id that names no incident is an error, and the journal stays as it is."""
    with pytest.raises(NotFound):
        resolve(documents, "AAAAAAAA", "mended", NOW)
    assert list(documents.list("act/")) == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"id": 1}', b"\xff", b" " * (MAX_BYTES + 1)])
def test_what_is_no_act_is_told_in_a_sentence(body: bytes) -> None:
    """A damaged or foreign entry is bad input, never a traceback."""
    with pytest.raises(BadInput):
        read_act(body)


def test_a_damaged_entry_stops_no_other(documents: Documents, report: Callable[..., str], hosts: Hosts) -> None:
    """What cannot be read is logged, and the acts around it take effect."""
    inbox = Inbox()
    journal = InboxActs(inbox)
    act = _act(documents, report(), "acknowledge")
    journal.add(act)
    inbox.put("acts/2026-10-19/x.json", b"{")
    with capture_logs() as logs:
        apply_waiting(documents, journal, hosts, NOW)
    assert [one["event"] for one in logs] == ["act_is_damaged"]
    assert find_incident(documents, act.incident).acknowledged_by == "Ana"


# ---- a kill between the entry and its effect


def _act(documents: Documents, incident_id: str, kind: str, at: str = NOW, **changes: object) -> Act:
    incident = find_incident(documents, incident_id)
    values = {"id": f"{kind}{at}", "kind": kind, "at": at, "by": "Ana", "incident": incident.id}
    return Act(**{**values, "family": incident.family, "ends": incident.ends, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["acknowledge", "resolve", "silence"])
def test_what_a_kill_left_undone_is_done_by_the_next_pass(
    kind: str, documents: Documents, report: Callable[..., str], hosts: Hosts
) -> None:
    """An entry without its effect takes effect later, as of its own time; a second pass changes nothing."""
    incident = report()
    journal = DocumentActs(documents)
    journal.add(_act(documents, incident, kind, SOON, until=MUCH_LATER))
    apply_waiting(documents, journal, hosts, LATER, loud)
    after = find_incident(documents, incident)
    assert kinds(after)[-1] == {"acknowledge": "acknowledged", "resolve": "resolved", "silence": "silenced"}[kind]
    assert after.changes[-1].at == SOON
    apply_waiting(documents, journal, hosts, LATER, loud)
    assert find_incident(documents, incident) == after


def test_old_acts_are_not_gone_through_for_ever(documents: Documents, report: Callable[..., str], hosts: Hosts) -> None:
    """Once a pass went through all, the next looks at the last two days alone."""
    incident = report()
    journal = DocumentActs(documents)
    act_on(documents, incident, "unsilence", "Ana", NOW)
    apply_waiting(documents, journal, hosts, MUCH_LATER)
    journal.add(_act(documents, incident, "acknowledge", NOW))
    apply_waiting(documents, journal, hosts, MUCH_LATER)
    assert find_incident(documents, incident).acknowledged_by is None
    journal.add(_act(documents, incident, "acknowledge", "2026-10-24T23:59:59Z"))
    apply_waiting(documents, journal, hosts, MUCH_LATER)
    assert find_incident(documents, incident).acknowledged_by == "Ana"


def test_an_act_without_its_incident_is_logged_and_stops_nothing(
    documents: Documents, report: Callable[..., str], hosts: Hosts
) -> None:
    """What cannot be placed is told, and the next act takes effect."""
    incident = report()
    journal = DocumentActs(documents)
    lost = msgspec.structs.replace(_act(documents, incident, "resolve"), incident="AAAAAAAA", family="routing")
    journal.add(lost)
    journal.add(_act(documents, incident, "acknowledge", SOON))
    with capture_logs() as logs:
        apply_waiting(documents, journal, hosts, LATER)
    assert [(one["event"], one["incident"]) for one in logs] == [("act_without_incident", "AAAAAAAA")]
    assert find_incident(documents, incident).acknowledged_by == "Ana"


def test_an_incident_is_found_by_its_ends_where_the_id_is_another(
    documents: Documents, report: Callable[..., str], hosts: Hosts
) -> None:
    """After a rebuild by other rules an id may be gone; family and ends lead to the incident all the same."""
    incident = report()
    journal = DocumentActs(documents)
    journal.add(msgspec.structs.replace(_act(documents, incident, "acknowledge"), incident="AAAAAAAA"))
    apply_waiting(documents, journal, hosts, LATER)
    assert find_incident(documents, incident).acknowledged_by == "Ana"


def test_acts_in_any_order_leave_the_same_incident(documents: Documents, report: Callable[..., str]) -> None:
    """Of acts of one kind the latest holds, whichever was made good last."""
    incident = report()
    acts = [
        _act(documents, incident, "acknowledge", NOW, by="Ana"),
        _act(documents, incident, "acknowledge", SOON, by="Eva", until=LATER),
        _act(documents, incident, "silence", NOW, until=LATER),
        _act(documents, incident, "unsilence", SOON),
        _act(documents, incident, "resolve", NOW, text="mended"),
    ]
    ledger = load_ledger(documents, incident)
    assert ledger is not None
    ends = set()
    for order in itertools.permutations(acts):
        after = ledger
        for act in [*order, order[0]]:
            after = effect(after, act)
        ends.add(
            (
                after.acknowledged_by,
                after.acknowledged_until,
                after.silenced_until,
                after.silenced_by,
                after.resolved_at,
            )
        )
    assert ends == {("Eva", LATER, None, None, NOW)}


# ---- acknowledgements that end


def test_an_acknowledgement_ends_by_itself(documents: Documents, report: Callable[..., str]) -> None:
    """It holds until its time, and is gone at that time; the history says whose it was."""
    incident = report()
    acknowledge(documents, incident, "Ana", NOW, until=SOON)
    assert find_incident(documents, incident).acknowledged_until == SOON
    assert age(documents, "2026-10-20T12:59:59Z", Periods()) == set()
    assert age(documents, SOON, Periods()) == {incident}
    after = find_incident(documents, incident)
    assert (after.acknowledged_by, after.acknowledged_until) == (None, None)
    assert (after.changes[-1].kind, after.changes[-1].at) == ("acknowledgement-ended", SOON)
    assert "Ana" in after.changes[-1].text
    assert age(documents, LATER, Periods()) == set()


def test_what_grew_while_somebody_had_it_is_told_when_that_ends(
    documents: Documents, report: Callable[..., str]
) -> None:
    """Growth is held back by an acknowledgement and told when its time is over."""
    incident = report()
    told = _tell(documents, incident, NOW)
    acknowledge(documents, incident, "Ana", NOW, until=LATER, route=loud)
    report(20, SOON)
    assert _tell(documents, incident, SOON) == []
    age(documents, LATER, Periods(), loud)
    assert [*told, *_tell(documents, incident, LATER)] == ["opened:1", "grew:10"]


def test_an_acknowledgement_ends_when_the_incident_is_a_hundred_times_as_large(
    documents: Documents, report: Callable[..., str]
) -> None:
    """Ninety-nine times as large it holds; a hundred times it is over, and the growth is told."""
    incident = report()
    _tell(documents, incident, NOW)
    acknowledge(documents, incident, "Ana", NOW, until=MUCH_LATER, route=loud)
    report(98, SOON)
    assert find_incident(documents, incident).acknowledged_by == "Ana"
    report(1, SOON)
    after = find_incident(documents, incident)
    assert after.acknowledged_by is None
    assert kinds(after)[-1] == "acknowledgement-ended"
    assert _tell(documents, incident, SOON) == ["grew:10", "grew:100"]


# ---- silences


def _tell(documents: Documents, incident_id: str, now: str) -> list[str]:
    """Send what waits, as a relay does, and give the names of what one message told."""
    from triage.group import told

    claimed = claim(documents, incident_id, "webhook", now)
    if claimed is None:
        return []
    told(documents, claimed, None, now)
    return [one.name for one in claimed.notices]


def test_a_silent_incident_tells_nothing_until_the_end_and_then_all_in_one_message(
    documents: Documents, report: Callable[..., str]
) -> None:
    """What came meanwhile waits; when the silence is over one message tells what is still true."""
    incident = report()
    assert _tell(documents, incident, NOW) == ["opened:1"]
    act_on(documents, incident, "silence", "Ana", NOW, until=LATER, route=loud)
    report(20, SOON)
    resolve(documents, incident, "mended", SOON, route=loud)
    assert _tell(documents, incident, "2026-10-21T11:59:59Z") == []
    assert _tell(documents, incident, LATER) == ["grew:10", "resolved:1"]


def test_a_relay_sees_from_the_head_that_an_incident_is_silent(
    documents: Documents, report: Callable[..., str]
) -> None:
    """It is not due before the silence ends, and due at that time, whether or not anything looked at it meanwhile."""
    from triage.group import due

    incident = report()
    act_on(documents, incident, "silence", "Ana", NOW, until=LATER, route=loud)
    assert list(due(documents, SOON)) == []
    assert list(due(documents, LATER)) == [incident]


def test_a_silence_ends_when_somebody_ends_it_and_else_by_itself(
    documents: Documents, report: Callable[..., str]
) -> None:
    """`unsilence` ends it at once; time ends it too; both are in the history, with who and why."""
    incident = report()
    act_on(documents, incident, "silence", "Ana", NOW, text="works on it", until=LATER)
    silent = find_incident(documents, incident)
    assert (silent.silenced_by, silent.silenced_until, silent.silence_reason) == ("Ana", LATER, "works on it")
    act_on(documents, incident, "unsilence", "Eva", SOON)
    assert find_incident(documents, incident).silenced_until is None
    act_on(documents, incident, "silence", "Ana", SOON, until=LATER)
    assert age(documents, LATER, Periods()) == {incident}
    after = find_incident(documents, incident)
    assert (after.silenced_by, after.silence_reason) == (None, None)
    assert kinds(after)[1:] == ["silenced", "silence-ended", "silenced", "silence-ended"]
    assert [one.at for one in after.changes[1:]] == [NOW, SOON, SOON, LATER]


# ---- ends that people declare


def test_a_resolve_holds_for_what_was_known_and_not_for_what_came_after_it(
    documents: Documents, report: Callable[..., str], hosts: Hosts
) -> None:
    """A resolve that is made good late does not close a failure that came after it."""
    incident = report(time="2026-10-20T11:00:00Z")
    journal = DocumentActs(documents)
    journal.add(_act(documents, incident, "resolve", NOW, text="mended"))
    report(time="2026-10-20T14:00:00Z", now="2026-10-20T15:00:00Z")
    apply_waiting(documents, journal, hosts, LATER)
    assert find_incident(documents, incident).state == "open"


def test_a_resolve_closes_what_is_dated_ahead(documents: Documents, report: Callable[..., str]) -> None:
    """A server whose clock is ahead does not keep a person from closing its incident."""
    incident = report(time="2026-10-20T12:30:00Z")
    assert resolve(documents, incident, "mended", NOW).state == "resolved"


def test_names_of_entries_sort_by_time() -> None:
    """A listing gives acts in the order in which they were done."""
    acts = [
        Act(id="a", kind="resolve", at=at, by="", incident="", family="session", ends=None)  # type: ignore[arg-type]
        for at in (NOW, SOON, LATER, MUCH_LATER)
    ]
    assert [act_name(one) for one in acts] == sorted(act_name(one) for one in acts)
