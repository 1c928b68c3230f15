"""Silences of many incidents as the store knows them: by the latest act, whatever took effect first, and lifted once."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from triage.errors import BadInput
from triage.group import (
    DocumentActs,
    Documents,
    MemoryDocuments,
    apply_act,
    apply_waiting,
    claim,
    commit,
    find_incident,
    incidents,
    lift,
    notices_of,
    read_act,
    silence_all,
    silences,
    silent_now,
    told,
    under,
)
from triage.group.fold import Judge
from triage.group.silences import remove_silences
from triage.group.stored import load_ledger
from triage.hosts import Hosts
from triage.model import Act, ChangeKind, Ends, Facts, Notice, Reading, Responsible, Scope, Timing

NOW = "2026-10-20T12:00:00Z"
SOON = "2026-10-20T13:00:00Z"
LATER = "2026-10-21T12:00:00Z"
MUCH_LATER = "2026-10-25T12:00:00Z"
SERVER = Scope("host", "hq-ex13a.contoso.example")
TLS = Scope("category", "tls-version")


def loud(_facts: Facts, _kind: ChangeKind) -> Sequence[str]:
    """Tell one sink of everything."""
    return ("teams",)


def reminding(_facts: Facts, _kind: ChangeKind, _sink: str, _now: str) -> Timing:
    """Hold nothing, and remind after a day."""
    return Timing(remind_hours=24, team="mail")


@pytest.fixture
def report(documents: Documents, judge: Judge, hosts: Hosts, reading: Callable[..., Reading]) -> Callable[..., str]:
    """Give a function that lets a bounce of a server come in, and gives its incident's id."""
    numbers = itertools.count()

    def come(server: str = "hq-ex13a", now: str = NOW, **changes: object) -> str:
        host = f"{server}.contoso.example"
        one = reading(next(numbers), confidence="certain", sending_host=host, **changes)
        return next(iter(commit(documents, [one], judge, hosts, now, route=loud)))

    return come


def tell(documents: Documents, incident: str, now: str) -> bool:
    """Tell what is to be told of an incident, as a relay does; False where nothing goes out."""
    claimed = claim(documents, incident, "teams", now, timer=under(reminding, silences(documents)))
    if claimed is None:
        return False
    told(documents, claimed, None, now)
    return True


def act(kind: str, at: str, until: str | None = None, scope: Scope = SERVER) -> Act:
    """Give an entry of the journal."""
    return Act(id=f"{at}{kind}{scope.kind}", kind=kind, at=at, by="Ana", scope=scope, until=until)  # type: ignore[arg-type]


# ---- the acts


def test_the_entry_comes_first_and_says_what_is_silent(documents: Documents) -> None:
    """The journal has who silenced what, when, until when and why, and no incident; the document says the same."""
    known = silence_all(documents, SERVER, "Ana", NOW, until=LATER, text="new hardware")
    (entry,) = DocumentActs(documents).acts()
    assert (entry.scope, entry.kind, entry.by, entry.at, entry.until) == (SERVER, "silence", "Ana", NOW, LATER)
    assert (entry.incident, entry.family, entry.text) == ("", None, "new hardware")
    assert silences(documents) == (known,)
    assert (known.id, known.by, known.until, known.reason) == (entry.id, "Ana", LATER, "new hardware")
    assert (silent_now(documents, SOON), silent_now(documents, LATER)) == ((known,), ())


def test_a_full_journal_leaves_no_silence(documents: Documents) -> None:
    """Where the entry cannot be written nothing is silent: a rebuilt store would not know of it."""

    class Full(MemoryDocuments):
        """Documents that take nothing."""

        def put(self, *_: Any) -> str:
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        silence_all(documents, SERVER, "Ana", NOW, until=LATER, journal=DocumentActs(Full()))
    assert silences(documents) == ()


ACTS = (act("silence", NOW, MUCH_LATER), act("unsilence", SOON), act("silence", LATER, "2026-10-23T00:00:00Z"))


@pytest.mark.parametrize(
    "order", list(itertools.permutations(ACTS)), ids=lambda order: "-".join(a.at[8:13] for a in order)
)
def test_the_latest_act_holds_whichever_comes_first(documents: Documents, hosts: Hosts, order: tuple[Act, ...]) -> None:
    """Acts in any order, and twice, leave what the latest says."""
    for one in (*order, *order):
        apply_act(documents, one, hosts)
    (known,) = silences(documents)
    assert (known.at, known.until) == (LATER, "2026-10-23T00:00:00Z")


def test_what_a_kill_left_undone_is_done_by_the_next_pass(documents: Documents, hosts: Hosts) -> None:
    """An entry whose process died before its effect is made good, once, as of its own time."""
    journal = DocumentActs(documents)
    journal.add(act("silence", NOW, MUCH_LATER))
    journal.add(act("silence", NOW, LATER, TLS))
    journal.add(act("unsilence", SOON))
    apply_waiting(documents, journal, hosts, SOON)
    before = silences(documents)
    assert {(one.scope, one.until) for one in before} == {(SERVER, SOON), (TLS, LATER)}
    apply_waiting(documents, journal, hosts, SOON)
    assert silences(documents) == before


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"scope": None}, "names no incident"),
        ({"kind": "resolve"}, "only silence covers more than one"),
        ({"scope": Scope("category", "tls")}, "no category “tls”"),
        ({"scope": Scope("host", "")}, "no name of a host"),
        ({"scope": Scope("host", "*")}, "no name of a host"),
        ({"scope": Scope("host", "*.*")}, "no name of a host"),
        ({"scope": Scope("host", "hq ex13a")}, "no name of a host"),
        ({"scope": Scope("host", "hq[a-z]")}, "no name of a host"),
        ({"scope": Scope("host", "a" * 254)}, "no name of a host"),
    ],
)
def test_an_act_that_means_nothing_is_told_in_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    """An entry that names neither an incident nor what can be silent is bad input; a lone `*` would silence everything."""
    with pytest.raises(BadInput, match=sentence):
        read_act(msgspec.json.encode(msgspec.structs.replace(act("silence", NOW, LATER), **changes)))


def test_an_entry_of_an_incident_says_no_more_than_it_did() -> None:
    """An older program refuses fields that it does not know: an act on one incident has none of the new ones."""
    one = Act(id="a", kind="resolve", at=NOW, by="Ana", incident="AAAAAAAA", family="session", ends=Ends("x", "y"))
    assert set(msgspec.json.decode(msgspec.json.encode(one))) == {
        "id",
        "kind",
        "at",
        "by",
        "incident",
        "family",
        "ends",
    }
    assert read_act(msgspec.json.encode(one)) == one


# ---- what is covered


@pytest.mark.parametrize(
    ("scope", "is_covered"),
    [
        (Scope("host", "hq-ex13a.contoso.example"), True),
        (Scope("host", "hq-ex13a"), True),
        (Scope("host", "hq-ex13"), False),
        (Scope("host", "contoso.example"), False),
        (Scope("host", "*.contoso.example"), True),
        (Scope("host", "hq-*"), True),
        (Scope("host", "exchange-online"), True),
        (Scope("host", "gmail"), False),
        (TLS, True),
        (Scope("category", "greylisted"), False),
    ],
    ids=lambda one: one.value if isinstance(one, Scope) else "",
)
def test_ends_names_and_patterns_are_covered(
    documents: Documents, report: Callable[..., str], scope: Scope, is_covered: bool
) -> None:
    """A host by its name, its first part or a pattern; a pool by its id; a cause by its name; and nothing else."""
    incident = report()
    known = silence_all(documents, scope, "Ana", NOW, until=LATER)
    assert known.covers(find_incident(documents, incident)) is is_covered
    assert tell(documents, incident, SOON) is not is_covered
    shown = find_incident(documents, incident, SOON)
    assert (shown.silenced_by, shown.silenced_until) == (("Ana", LATER) if is_covered else (None, None))
    assert [one.silenced_until for one in incidents(documents, LATER)] == [None]


def test_the_host_that_is_blamed_is_covered(documents: Documents, report: Callable[..., str]) -> None:
    """A verdict that blames a third host puts the incident under the silence of that one."""
    incident = find_incident(documents, report())
    blamed = Responsible(kind="host", side="sending", host="GW1.contoso.example", ours=True, confidence="possible")
    incident = msgspec.structs.replace(incident, verdict=msgspec.structs.replace(incident.verdict, responsible=blamed))
    assert silence_all(documents, Scope("host", "gw1.contoso.example"), "Ana", NOW, until=LATER).covers(incident)


def test_people_see_the_silence_that_ends_last(documents: Documents, report: Callable[..., str]) -> None:
    """Of several silences the last one is shown, with what it is of and why."""
    incident = report()
    silence_all(documents, SERVER, "Ana", NOW, until=LATER, text="new hardware")
    silence_all(documents, TLS, "Eva", NOW, until=MUCH_LATER)
    shown = find_incident(documents, incident, SOON)
    assert (shown.silenced_by, shown.silenced_until, shown.silence_reason) == ("Eva", MUCH_LATER, "all of tls-version")
    silence_all(documents, TLS, "Eva", SOON, until=None)
    shown = find_incident(documents, incident, "2026-10-20T14:00:00Z")
    assert (shown.silenced_by, shown.silence_reason) == ("Ana", "all of hq-ex13a.contoso.example: new hardware")


# ---- the end


def notes(documents: Documents) -> list[tuple[str, str, str | None]]:
    """Give what waits to be told, with what its time is."""
    found = [(incident, one) for incident, one in notices_of(documents) if isinstance(one, Notice)]
    return sorted((incident, one.name, one.held_until or one.next_try) for incident, one in found)


def test_a_process_that_dies_while_it_lifts_leaves_nothing_to_say_twice(
    documents: Documents, report: Callable[..., str]
) -> None:
    """Interrupted after any write and done again, each incident has one word, as if nothing had happened."""
    ids = [report(server) for server in ("hq-ex13a", "hq-ex13b", "hq-ex13c")]
    for one in ids:
        assert tell(documents, one, NOW)
    silence_all(documents, TLS, "Ana", NOW, until=MUCH_LATER)
    silence_all(documents, TLS, "Ana", LATER, until=None)
    kept = [(one.key, documents.get(one.key), one.head) for one in documents.list("")]

    class Dying(MemoryDocuments):
        """The same documents in memory, in a process that dies after so many writes."""

        left = 0

        def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
            tag = super().put(key, body, if_match, head)
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return tag

    for at in range(1, 6):
        copied = Dying()
        for key, found, head in kept:
            assert found is not None
            copied.put(key, found[0], None, head)
        copied.left = at
        died = False
        try:
            lift(copied, silences(copied), reminding, LATER)
        except KeyboardInterrupt:
            died = True
        copied.left = 0
        lift(copied, silences(copied), reminding, LATER)
        assert notes(copied) == [(one, "reminder:2", LATER) for one in sorted(ids)], f"died after write {at}"
        assert [one.is_lifted for one in silences(copied)] == [True]
        assert died is (at < 5)  # three incidents and the silence itself


def test_an_end_is_lifted_once_on_each_engine(documents: Documents, report: Callable[..., str]) -> None:
    """What was held knows the earlier end, what is open has a word, and the next look writes nothing."""
    told_of, new = report("hq-ex13a"), report("hq-ex13b")
    assert tell(documents, told_of, NOW)
    silence_all(documents, TLS, "Ana", NOW, until=MUCH_LATER)
    assert not tell(documents, new, SOON)
    assert notes(documents) == sorted([(new, "opened:1", MUCH_LATER), (told_of, "reminder:1", LATER)])
    silence_all(documents, TLS, "Eva", SOON, until=None)
    lift(documents, silences(documents), reminding, SOON)
    assert notes(documents) == sorted([(new, "opened:1", SOON), (told_of, "reminder:2", SOON)])
    before = [(one.key, one.tag) for one in documents.list("")]
    lift(documents, silences(documents), reminding, SOON)
    assert [(one.key, one.tag) for one in documents.list("")] == before
    ledger = load_ledger(documents, new)
    assert ledger is not None
    assert ledger.acts == (silences(documents)[0].id,)


def test_what_opened_after_the_end_has_no_word_of_it(documents: Documents, report: Callable[..., str]) -> None:
    """An incident that was told for the first time once the silence was over is not told of again because of it."""
    silence_all(documents, TLS, "Ana", NOW, until=SOON)
    incident = report(now=LATER)
    assert tell(documents, incident, LATER)
    lift(documents, silences(documents), reminding, LATER)
    assert notes(documents) == [(incident, "reminder:1", "2026-10-22T12:00:00Z")]


def test_the_routing_still_says_whose_it_is_and_when_to_remind(
    documents: Documents, report: Callable[..., str]
) -> None:
    """A silence changes until when a message waits, and nothing else of what the routing says."""
    report()
    known = silence_all(documents, SERVER, "Ana", NOW, until=LATER)
    facts = Facts(
        family="session",
        category="tls-version",
        confidence="certain",
        actor=None,
        ours=True,
        size=1,
        acknowledged=False,
        hosts=("hq-ex13a.contoso.example",),
    )
    timing = under(reminding, [known])(facts, "opened", "teams", SOON)
    assert timing == Timing(until=LATER, by="silence", remind_hours=24, team="mail")
    assert under(reminding, [known])(facts, "opened", "teams", LATER) == reminding(facts, "opened", "teams", LATER)


def test_silences_go_when_they_are_long_over(documents: Documents) -> None:
    """What ended before the period of incidents is removed, but never within a week: its acts are still looked at."""
    silence_all(documents, SERVER, "Ana", NOW, until=SOON)
    silence_all(documents, TLS, "Ana", NOW, until=MUCH_LATER)
    remove_silences(documents, MUCH_LATER, MUCH_LATER)
    assert len(silences(documents)) == 2
    remove_silences(documents, "2026-10-20T13:00:00Z", "2027-10-20T13:00:00Z")
    assert len(silences(documents)) == 2
    remove_silences(documents, "2026-10-20T13:00:01Z", "2027-10-20T13:00:00Z")
    assert [one.scope for one in silences(documents)] == [TLS]


def test_a_damaged_silence_stops_nothing(documents: Documents, report: Callable[..., str]) -> None:
    """What cannot be read is logged, silences nothing, and gives way to the next act on the same host."""
    incident = report()
    silence_all(documents, SERVER, "Ana", NOW, until=LATER)
    (stored,) = documents.list("silence/")
    documents.put(stored.key, b"{", stored.tag)
    with capture_logs() as logs:
        assert tell(documents, incident, SOON)
    assert [one["event"] for one in logs] == ["silence_is_damaged"]
    remove_silences(documents, MUCH_LATER, "2027-10-20T13:00:00Z")
    assert [one.key for one in documents.list("silence/")] == [stored.key]
    known = silence_all(documents, SERVER, "Ana", SOON, until=LATER)
    assert silences(documents) == (known,)
