"""Sentences of other stages, told in another language, and left alone where nobody translated them."""

import time
from collections.abc import Callable

import msgspec
import pytest

from triage.diagnose.evidence import facts
from triage.diagnose.rulebook import categories
from triage.model import Change, Evidence, FilledRunbook, Incident
from triage.notify import Texts, phrases, ticket_markdown
from triage.notify.phrases import locales, said
from triage.notify.retold import LIMIT, Retold, problems

SAID = {
    "evidence": {
        "{sending_software} on {sending} speaks TLS 1.0 at most": "{sending}: {sending_software} vie najviac TLS 1.0",
        "the handshake failed ({error})": "handshake zlyhal ({error})",
    },
    "change": {"from {was} to {now}, because {because}": "{was} → {now}, lebo {because}"},
    "tail": {"{n} of {total} sessions": "spojenia {n} z {total}"},
    "value": {"told by: ": "podľa: ", "Received fields": "polia Received"},
}
TELL = Retold(SAID)


@pytest.mark.parametrize(
    ("english", "own"),
    [
        ("the handshake failed (SocketError)", "handshake zlyhal (SocketError)"),
        ("the handshake failed (SocketError): 5 of 12 sessions", "handshake zlyhal (SocketError): spojenia 5 z 12"),
        (
            "Exchange 2010 build 14.3.123.4 (told by: Received fields) on hq-ex10a.contoso.example speaks TLS 1.0 at most",
            "hq-ex10a.contoso.example: Exchange 2010 build 14.3.123.4 (podľa: polia Received) vie najviac TLS 1.0",
        ),
        ("from a to b, because the handshake failed (x); something new", "a → b, lebo handshake zlyhal (x); something new"),
        ("from a to b, because c: d (e): 5 of 12 sessions", "a → b, lebo c: d (e): 5 of 12 sessions"),
        ("the handshake failed", "the handshake failed"),
        ("something: 5 of 12 sessions", "something: 5 of 12 sessions"),
        ("the handshake failed ({error} %s {0})", "handshake zlyhal ({error} %s {0})"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_sentence_is_told(english: str, own: str) -> None:
    """Names and counts stay, words of ours are told, and what fits no pattern is shown as it is."""
    assert TELL(english) == own


def test_a_change_is_told_before_the_evidence_in_it() -> None:
    """A pattern of evidence that begins with a place does not swallow the change around it."""
    said = {
        "evidence": {"{sending} fails with: {others}": "{sending} zlyháva: {others}"},
        "change": {
            "still {now}, because {because} (told by: {sources})": "naďalej {now}, lebo {because} (podľa: {sources})"
        },
        "value": {"unverified": "neoverené"},
    }
    told = Retold(said)("still dns (possible), because a fails with: b, c (told by: NDR, unverified)")
    assert told == "naďalej dns (possible), lebo a zlyháva: b, c (podľa: NDR, neoverené)"


def test_a_message_cannot_make_it_slow() -> None:
    """Time is linear in the text: a diagnostic made to match again and again costs no more than another."""
    hostile = " on ".join(["x"] * (LIMIT // 5))
    began = time.process_time()
    for _ in range(200):
        TELL(hostile)
    assert time.process_time() - began < 2
    assert TELL("x" * (LIMIT + 1)) == "x" * (LIMIT + 1)


def test_the_check_names_what_is_missing_stale_or_wrong() -> None:
    """An English sentence without words, words for a sentence that nobody says, and a place that it does not have."""
    given = {**SAID, "check": {"Read {x}.": "Čítajte {y}."}, "trust": {"so {a}": "tak {a} {"}}
    found = list(problems(given, frozenset({"the handshake failed ({error})", "new"}), frozenset({"Read {x}."})))
    assert "said.evidence lacks “new”" in found
    assert any("nobody says “{sending_software} on {sending}" in one for one in found)
    assert any(one.startswith("said.check: “Čítajte {y}.”") for one in found)
    assert any(one.startswith("said.trust: “tak {a} {”") for one in found)
    assert len(found) == 4
    assert list(problems({}, frozenset({"new"}), frozenset())) == []


@pytest.mark.parametrize("locale", [one for one in locales() if one != "en"])
def test_shipped_sentences_have_only_places_of_their_originals(locale: str) -> None:
    """What would stop a ticket is in no shipped file; what is missing there is English, and listed by the check."""
    given = said(locale)
    evidence, checks = frozenset(given["evidence"]), frozenset(given["check"])
    assert list(problems(given, evidence, checks)) == []
    assert len(evidence & {fact.text for fact in facts().values()}) > 30
    assert len(checks & {one.next_check for one in categories().values()}) > 20


def test_evidence_and_changes_of_a_slovak_ticket_are_slovak(
    make_incident: Callable[..., Incident], runbook: FilledRunbook
) -> None:
    """Evidence, the check that would decide, why the report is believed, and what happened."""
    phrases._file.cache_clear()
    made = make_incident()
    failed = "the handshake failed right after STARTTLS (SocketError): 57 of 57 sessions"
    generic = "this text (“421 4.4.2 x”) is written for any lost connection"
    evidence = (
        Evidence(id="handshake-failed", supports=True, text=failed),
        Evidence(id="generic-text", supports=False, text=generic),
    )
    check = "Look whether other mail to mx1.fabrikam.example is delivered."
    verdict = msgspec.structs.replace(made.verdict, evidence=evidence, confidence="probable", next_check=check)
    moved = Change(
        kind="verdict-changed",
        at="2026-10-18T10:00:00Z",
        text="from connection-dropped (possible) to tls-version (certain), because it is seen more often now",
    )
    incident = make_incident(verdict=verdict, changes=(moved,))
    told = ticket_markdown(incident, runbook, (), Texts.load("sk"), now="2026-10-18T13:20:00Z")
    assert "- handshake zlyhal hneď po STARTTLS (SocketError): spojenia 57 z 57" in told
    assert "- tento text („421 4.4.2 x“) sa píše pri každom stratenom spojení" in told
    assert "Pozrite, či sa iná pošta doručuje (prijíma server mx1.fabrikam.example)." in told
    assert (
        "Verdikt sa zmenil: predtým prerušené spojenie (možné), teraz nezhoda verzie TLS (isté), lebo vidno to teraz"
        " častejšie." in told
    )
    assert "is seen" not in told


def test_why_an_incident_is_over_is_told(texts: Texts) -> None:
    """The sentence that closes most tickets, with its counts, and who had an incident until when."""
    slovak = Texts.load("sk").retold
    ended = "57 failed sessions until 18 Oct 2026 09:14 UTC, then at least 2 sessions over TLS 1.2 from 19 Oct 2026 07:00 UTC"
    assert slovak(ended) == (
        "neúspešné spojenia: 57, do 18. októbra 2026 09:14 UTC;"
        " potom cez TLS 1.2 od 19. októbra 2026 07:00 UTC spojenia: aspoň 2"
    )
    assert slovak(ended.replace("57 failed", "1,057 failed")).startswith("neúspešné spojenia: 1\u00a0057, do")
    assert slovak("by anna until 2026-10-19T07:00:00Z") == "anna, do 19. októbra 2026 07:00 UTC"
    assert slovak("of anna: its time is over") == "anna, vypršal čas"


def test_what_stands_in_a_place_is_told_too() -> None:
    """Names that are not known, how many more there are, tallies of others, and the marks around a quotation."""
    slovak = Texts.load("sk").retold
    assert slovak("Is the clock right on the sending server?") == "Is the clock right on the sending server?"
    assert slovak("List the cipher suites that the receiving server offers, and the policies that restrict them") == (
        "Vypíšte šifrovacie sady, ktoré ponúka server príjemcu, a politiky, ktoré ich obmedzujú"
    )
    assert slovak("a fails in the same way with unrelated servers: b, c and 3 more") == (
        "a zlyháva rovnako aj s nesúvisiacimi servermi: b, c a ďalšie (3)"
    )
    assert slovak(
        "TLS reports of others agree: x counted 61 sessions with starttls-not-supported; y counted 1 sessions with z"
    ) == (
        "správy o TLS od iných hovoria to isté: x (počet spojení: 61, výsledok: starttls-not-supported);"
        " y (počet spojení: 1, výsledok: z)"
    )
    assert slovak("the reply itself names the cause (“no text”)") == "príčinu uvádza sama odpoveď („no text“)"
    assert slovak("the reply itself names the cause (no text)") == "príčinu uvádza sama odpoveď (bez textu)"


def test_a_shape_of_times_that_cannot_be_filled_in_stops_nothing() -> None:
    """Times stay as they were made, and the check says why; a good shape is filled in, whichever form the time has."""
    said = {"change": {"by {who} until {until}": "{who} bis {until}"}, "time": {"shape": "{day}. {month}"}}
    assert Retold(said)("by anna until 2026-10-19T07:00:00Z") == "anna bis 2026-10-19T07:00:00Z"
    assert list(problems(said, frozenset(), frozenset())) == [
        "said.time: the shape needs the places day, month, year and clock, and no others"
    ]
    said["time"] = {"shape": "{day}. {month} {year}, {clock} UTC", "Oct": "Oktober"}
    assert Retold(said)("by anna until 2026-10-19T07:00:00Z") == "anna bis 19. Oktober 2026, 07:00 UTC"
    assert Retold(said)("by anna until 3 Mar 2026 07:00 UTC") == "anna bis 3. Mar 2026, 07:00 UTC"
    assert Retold(said)("by anna until noon") == "anna bis noon"
    assert list(problems(said, frozenset(), frozenset())) == []


def test_the_checks_of_rules_are_held_against_their_patterns() -> None:
    """One pattern may serve several rules; a check without any is named, and a pattern that no check fits."""
    given = {"rule_check": {"Look at {host}": "Pozrite ({host})", "Ring {name}": "Volajte ({name})"}}
    rules = frozenset({"Look at {sending}", "Look at {receiving}", "Ask {domain}"})
    assert list(problems(given, frozenset(), frozenset(), rules)) == [
        "said.rule_check lacks “Ask {domain}”",
        "said.rule_check: nobody says “Ring {name}” any more",
    ]


def test_english_is_left_alone(texts: Texts) -> None:
    """English has nothing to retell."""
    assert (
        texts.retold("the handshake failed right after STARTTLS (x)") == "the handshake failed right after STARTTLS (x)"
    )
