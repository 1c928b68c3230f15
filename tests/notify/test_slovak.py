"""The Slovak texts: three forms for a count, names that need no case, and the rules of the house."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from triage.model import Affected, Diagnosis, FilledRunbook, Incident, Responsible
from triage.model.words import CATEGORIES, CONFIDENCES, Side
from triage.notify import Texts, card, problems, ticket_html, ticket_markdown
from triage.notify.moments import ago, moment
from triage.notify.names import Names
from triage.notify.phrases import leaves, read
from triage.notify.summary import headline

SIDES: tuple[Side | None, ...] = ("sending", "receiving", "path", None)


@pytest.fixture(scope="module")
def slovak() -> Texts:
    """The Slovak texts."""
    return Texts.load("sk")


@pytest.mark.parametrize(
    ("n", "told"),
    [(0, "0 vrátených"), (1, "1 vrátená"), (2, "2 vrátené"), (4, "4 vrátené"), (5, "5 vrátených"), (12, "12 vrátených"),
     (22, "22 vrátených"), (1234, "1\u00a0234 vrátených")],
)  # fmt: skip
def test_a_count_has_its_form(n: int, told: str, slovak: Texts) -> None:
    """1 vrátená, 2 až 4 vrátené, 5 a viac vrátených; thousands are parted by a space that does not break."""
    assert slovak.count("counts.returned", n) == told


def test_times_are_written_as_in_slovakia(slovak: Texts) -> None:
    """Day with a point, the month in the genitive, the zone named."""
    assert moment("2026-10-18T09:14:00Z", "2026-10-20T00:00:00Z", slovak) == "18. októbra 09:14 UTC"
    assert moment("2025-01-02T09:14:00Z", "2026-10-20T00:00:00Z", slovak) == "2. januára 2025 09:14 UTC"
    assert ago("2026-10-18T09:14:00Z", "2026-10-18T11:15:00Z", slovak) == "pred 2 hodinami"


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("category", CATEGORIES)
def test_each_category_has_a_slovak_headline(
    category: Any, confidence: Any, side: Any, make_incident: Callable[..., Incident], slovak: Texts
) -> None:
    """It starts with a word, names a host, a provider or a domain, is filled in, and fits two lines of a card."""
    host = "hq-ex10a.contoso.example"
    verdict = Diagnosis(
        category=category,
        confidence=confidence,
        responsible=Responsible(kind="host", side=side, host=host if side == "sending" else None),
    )
    incident = make_incident(verdict=verdict)
    told = headline(incident, Names(incident, slovak), slovak)
    assert re.match(r"\w", told)
    assert re.search(r"hq-ex10a\.contoso\.example|Exchange Online|fabrikam\.example", told)
    assert "{" not in told
    assert len(told) <= 120


def test_no_preposition_asks_a_name_for_a_case() -> None:
    """Names stand in the nominative: no preposition, which would want another case, stands right before a place."""
    places = "culprit|other|sending|receiving|theirs|ours|domain"
    before = re.compile(rf"(?i)\b(s|so|z|zo|k|ku|na|do|od|v|vo|pre|pri|po|o|u|medzi|nad|pod|cez|za)\s+\{{({places})\}}")
    found = [path for path, phrase in leaves(read("sk")) if isinstance(phrase, str) and before.search(phrase)]
    assert found == []


def test_no_english_is_left(slovak: Texts) -> None:
    """Each phrase with letters differs from the English one, but for words that both languages write alike."""
    english = dict(leaves(read("en")))
    alike = {"{text}.", "TLS", "Microsoft", "greylisting", "Incident {text}. Written {time}.", "STARTTLS", "DNS"}
    same = {
        path
        for path, phrase in leaves(read("sk"))
        if english.get(path) == phrase and isinstance(phrase, str) and phrase not in alike
    }
    assert {path for path in same if not path.startswith(("letter.command.", "plural."))} == {
        "letter.to", "letter.sessions.one", "letter.sessions.many",
    }  # fmt: skip


def test_the_slovak_texts_keep_the_rules_of_the_house() -> None:
    """No exclamation marks, no apology, no "prosím" in any phrase."""
    told = "\n".join(phrase.lower() for _, phrase in leaves(read("sk")) if isinstance(phrase, str))
    for word in ("!", "prosím", "prepáčte", "ospravedl", "bohužiaľ", "žiaľ"):
        assert word not in told


def test_card_and_ticket_are_slovak(
    make_incident: Callable[..., Incident],
    runbook: FilledRunbook,
    affected: tuple[Affected, ...],
    slovak: Texts,
    now: str,
) -> None:
    """The templates need no copy: their words are phrases. Steps and evidence keep the language of their source."""
    incident = make_incident()
    payload: dict[str, Any] = card(incident, runbook, slovak, now=now)
    assert problems(payload) == []
    body = payload["attachments"][0]["content"]["body"]
    assert body[0]["text"] == "HQ-EX10A sa nedohodne na verzii TLS (druhá strana: Exchange Online)"
    assert body[1]["text"] == "Isté · naše · na ťahu: správa pošty"
    markdown = ticket_markdown(incident, runbook, affected, slovak, now=now)
    for heading in ("Čo sa deje", "Koho sa to týka", "Urobte toto", "Potom", "Technické údaje"):
        assert f"\n## {heading}\n" in markdown
    assert '<html lang="sk">' in ticket_html(incident, runbook, affected, slovak, now=now)


def test_times_need_no_preposition_before_none() -> None:
    """The words around {time} fit a date in the genitive: "do", "od", or none."""
    wrong = [
        path
        for path, phrase in leaves(read("sk"))
        if isinstance(phrase, str) and re.search(r"(?i)\b(v|vo|na|pred|po|o)\s+\{time\}", phrase)
    ]
    assert wrong == []
