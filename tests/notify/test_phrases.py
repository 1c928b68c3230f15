"""The words of a locale: complete, filled in, and led by the fault."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from triage.errors import Misconfigured
from triage.model import Diagnosis, Ends, Incident, Responsible
from triage.model.words import CATEGORIES, CONFIDENCES, Actor, Side
from triage.notify import Texts, texts_check
from triage.notify.names import Names
from triage.notify.phrases import locales
from triage.notify.summary import headline, verdict_line

ACTORS: tuple[Actor | None, ...] = (
    *("mail-team", "network-team", "partner-postmaster", "recipient", "sender", "microsoft", "nobody"),
    None,
)
OURS = "hq-ex10a.contoso.example"
SIDES: tuple[Side | None, ...] = ("sending", "receiving", "path", None)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("category", CATEGORIES)
def test_each_category_has_a_headline(
    category: Any, confidence: Any, side: Any, make_incident: Callable[..., Incident], texts: Texts
) -> None:
    """It starts with a word, not with a code, names a host, a provider or a domain, and fits two lines of a card."""
    responsible = Responsible(kind="host", side=side, host="hq-ex10a.contoso.example" if side == "sending" else None)
    verdict = Diagnosis(category=category, confidence=confidence, responsible=responsible)
    incident = make_incident(verdict=verdict)
    told = headline(incident, Names(incident, texts), texts)
    assert re.match(r"[A-Za-z]", told)
    assert re.search(r"hq-ex10a\.contoso\.example|Exchange Online|fabrikam\.example", told)
    assert "{" not in told
    assert not re.search(r"\b[245]\.\d{1,3}\.\d{1,3}\b|\b[245]\d\d\b|!", told)
    assert len(told) <= 120


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_possible_headline_claims_less(category: Any, make_incident: Callable[..., Incident], texts: Texts) -> None:
    """Where a cause is only possible the headline differs from the certain one, unless both state what was seen."""
    seen_only = {"expired", "unclassified"}
    told = []
    for confidence in CONFIDENCES:
        incident = make_incident(verdict=Diagnosis(category=category, confidence=confidence))
        told.append(headline(incident, Names(incident, texts), texts))
    assert (told[0] == told[2]) is (category in seen_only)
    assert told[1] == told[2]


AGREE = "cannot agree on a TLS version"


@pytest.mark.parametrize(
    ("side", "ends", "confidence", "told"),
    [
        ("sending", (OURS, "exchange-online"), "certain", f"HQ-EX10A {AGREE} with Exchange Online"),
        (
            "sending",
            (OURS, "exchange-online"),
            "possible",
            "HQ-EX10A lost the connection to Exchange Online while sending",
        ),
        ("receiving", ("exchange-online", OURS), "probable", f"HQ-EX10A {AGREE} with Exchange Online"),
        (
            "receiving",
            ("exchange-online", OURS),
            "possible",
            "Exchange Online lost the connection to HQ-EX10A while sending",
        ),
        ("path", (OURS, "mx.fabrikam.example"), "certain", f"HQ-EX10A and mx.fabrikam.example {AGREE}"),
        (None, (None, None), "certain", f"The sending server and the receiving server {AGREE}"),
    ],
)
def test_a_headline_knows_the_direction(
    side: Any, ends: tuple[str, str], confidence: Any, told: str, make_incident: Callable[..., Incident], texts: Texts
) -> None:
    """The seed fault and its mirror image name the host to mend, and how it showed."""
    responsible = Responsible(kind="host", side=side, host="hq-ex10a.contoso.example", ours=True)
    verdict = Diagnosis(category="tls-version", confidence=confidence, responsible=responsible)
    incident = make_incident(verdict=verdict, ends=Ends(*ends), sample=None)
    assert headline(incident, Names(incident, texts), texts) == told


@pytest.mark.parametrize("ours", [True, False, None])
@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_the_second_line_says_how_sure_whose_and_who(
    confidence: Any, actor: Any, ours: Any, make_incident: Callable[..., Incident], diagnosis: Diagnosis, texts: Texts
) -> None:
    """Three answers in one line: the confidence in a word, ours or not, and the actor in plain words."""
    responsible = Responsible(kind="host", side="sending", ours=ours)
    verdict = msgspec.structs.replace(diagnosis, confidence=confidence, actor=actor, responsible=responsible)
    parts = verdict_line(make_incident(verdict=verdict), texts).split(" · ")
    assert len(parts) == 3
    assert parts[0].startswith(confidence.capitalize())
    assert parts[1] == {True: "ours", False: "not ours", None: "not known whose"}[ours]
    assert "-" not in parts[2]


def test_a_foreign_host_keeps_its_whole_name(make_incident: Callable[..., Incident], texts: Texts) -> None:
    """Only our own machine is called by its short name: a partner's would mean nothing to anybody."""
    responsible = Responsible(kind="host", side="receiving", host="mx.fabrikam.example", ours=False)
    incident = make_incident(
        verdict=Diagnosis(category="tls-version", confidence="certain", responsible=responsible),
        ends=Ends("exchange-online", "mx.fabrikam.example"),
    )
    assert Names(incident, texts).culprit == "mx.fabrikam.example"


def test_an_address_is_no_short_name(make_incident: Callable[..., Incident], texts: Texts) -> None:
    """An end that is only known by its address keeps all of it."""
    responsible = Responsible(kind="host", side="sending", host="192.0.2.10", ours=True)
    incident = make_incident(verdict=Diagnosis(responsible=responsible), ends=Ends("192.0.2.10", "gmail"))
    assert Names(incident, texts).sending == "192.0.2.10"


def test_an_unknown_locale_is_named() -> None:
    """A locale without texts stops the start with the list of those that there are."""
    with pytest.raises(Misconfigured, match="locale 'xx'; there are: en, sk"):
        Texts.load("xx")
    with pytest.raises(Misconfigured, match="no texts"):
        Texts.load("../notify/texts/en")


def test_missing_and_unknown_english_phrases_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A category without words and a place that nothing fills are found before a card is written."""
    given = {"category": {"dns": {"name": "x"}}, "why": {"next": "{nonsense}"}}
    monkeypatch.setattr(texts_check, "read", {"en": given}.__getitem__)
    found = texts_check.check("en")
    assert "category dns lacks a name, what, sure or maybe" in found
    assert "why.next has the unknown place nonsense" in found
    assert len([one for one in found if one.endswith("lacks a name, what, sure or maybe")]) == len(CATEGORIES)


@pytest.mark.parametrize("locale", locales())
@pytest.mark.parametrize(
    "kind",
    "opened grew verdict-changed joined acknowledged acknowledgement-ended silenced silence-ended resolved reopened".split(),
)
def test_each_change_has_words(kind: str, locale: str) -> None:
    """Everything that can happen to an incident is told in a sentence of the language."""
    assert Texts.load(locale).phrase(f"why.{kind}", text="x").endswith(".")


def test_the_texts_keep_the_rules_of_the_house(texts: Texts) -> None:
    """No exclamation marks, no apology, no filler in any phrase that we ship."""
    source = "\n".join(path.read_text("utf-8") for path in sorted(texts.folder.glob("*.toml"))).lower()
    phrases = "\n".join(line for line in source.splitlines() if not line.startswith("#"))
    for word in ("!", "please", "sorry", "be advised", "unfortunately", "simply"):
        assert word not in phrases
