"""One message about several incidents: few lines on a card, all of them in a mail, every field for a program."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from triage.model import Change, Counts, Incident, Notice
from triage.notify import Digest, Texts, digest_text, problems
from triage.notify.digest import digest_card
from triage.notify.sinks.webhook import digest_message

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((Path(__file__).parent / "schema" / "adaptive-card-1.5.json").read_text("utf-8"))
Make = Callable[..., Incident]


def notice(name: str) -> Notice:
    """Give a notice of a kind."""
    why = Change(kind=name.partition(":")[0], at="2026-10-18T09:15:00Z", text="why")
    return Notice(
        name=name,
        sink="teams",
        at=why.at,
        whys=(why,),
        headline="",
        confidence="possible",
        size=1,
        counts=Counts(returned=1),
    )


@pytest.fixture
def digest(make_incident: Make, texts: Texts, now: str) -> Callable[..., Digest]:
    """Give a function that makes the digest of incidents to which these things happened."""

    def make(*kinds: str, standing: int = 0, **changes: Any) -> Digest:
        incidents = [make_incident(id=f"INC{number:02d}") for number in range(len(kinds) + standing)]
        values: dict[str, Any] = {
            "id": "digest/2026-10-18/1/teams",
            "by": "digest",
            "items": tuple((one, (notice(kind),)) for one, kind in zip(incidents, kinds, strict=False)),
            "standing": tuple(incidents[len(kinds) :]),
            "texts": texts,
            "redact": True,
            "now": now,
        }
        return Digest(**values | changes)

    return make


def facts(made: Digest) -> list[tuple[str, str]]:
    """Give the rows of a card."""
    payload: Any = digest_card(made)
    body = payload["attachments"][0]["content"]["body"]
    return [(fact["title"], fact["value"]) for block in body for fact in block.get("facts", [])]


def test_a_card_names_each_with_what_happened_how_sure_and_how_much(digest: Callable[..., Digest]) -> None:
    """New ones first, then what grew, what has an end, and what is only still open."""
    made = digest("resolved:1", "opened:1", "grew:10", standing=1)
    assert [title for title, _ in facts(made)] == ["New", "Grown", "Resolved", "Open"]
    assert facts(made)[0][1] == (
        "HQ-EX10A cannot agree on a TLS version with Exchange Online · certain · 143 waiting, 12 returned · INC01"
    )
    assert made.headline() == "Today: 1 new, 1 grown tenfold, 1 resolved, 1 still open"


@pytest.mark.parametrize("count", [1, 7, 8, 300])
def test_a_card_stays_a_doorbell(digest: Callable[..., Digest], count: int) -> None:
    """However many incidents there are, the card has few lines, says how many more, and keeps to what Teams takes."""
    made = digest(*(["opened:1"] * count))
    payload: Any = digest_card(made)
    assert problems(payload) == []
    inside = {key: value for key, value in payload["attachments"][0]["content"].items() if key != "msteams"}
    jsonschema.Draft6Validator(SCHEMA).validate(inside)
    assert len(facts(made)) == min(count, 8)
    assert (f"and {count - 7} more" in facts(made)[-1][1]) == (count > 7)


def test_a_mail_names_them_all(digest: Callable[..., Digest]) -> None:
    """The subject is the headline; each section has its incidents, one a line, and the last line says when we speak next."""
    subject, body = digest_text(digest(*(["opened:1"] * 20), "resolved:1"))
    assert subject == "Today: 20 new, 1 resolved"
    assert body.count("\n- ") == 21
    assert body.index("\nNew\n") < body.index("\nResolved\n")
    assert body.endswith("Next word tomorrow at this hour, if anything changes.\n")


def test_what_a_message_said_stays_on_its_line(
    digest: Callable[..., Digest], make_incident: Make, diagnosis: Any
) -> None:
    """A host name with line feeds, markup and a link makes no line, no element and no link of its own."""
    import msgspec

    host = "x\n- <at>all</at> [a](https://evil.example) **b**"
    verdict = msgspec.structs.replace(
        diagnosis, responsible=msgspec.structs.replace(diagnosis.responsible, host=host, ours=False)
    )
    hostile = make_incident(id="INC77", verdict=verdict)
    made = digest(items=((hostile, (notice("opened:1"),)),))
    payload: Any = digest_card(made)
    assert problems(payload) == []
    assert len(digest_text(made)[1].split("\n- ")) == 2


@pytest.mark.needs_node
def test_cards_show_their_words_and_nothing_else(digest: Callable[..., Digest], make_incident: Make) -> None:
    """The published renderer takes every kind of card without a complaint, and shows no link or emphasis."""
    cards = [
        digest_card(digest("opened:1", "verdict:aa", standing=2)),
        digest_card(digest("opened:1", "reopened:1", "reminder:1", by="quiet-hours")),
        digest_card(digest(by="ceiling", held_back=12, an_hour=30)),
    ]
    script = Path(__file__).with_name("render_card.js")
    done = subprocess.run(
        ["node", str(script), str(ROOT / "node_modules")],
        input=json.dumps(cards),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    shown = json.loads(done.stdout)
    assert [(one["events"], one["links"], one["marked"]) for one in shown] == [([], [], 0)] * 3
    assert "12 more incidents are held back" in shown[2]["text"]
    assert "This channel gets 30 messages an hour at most." in shown[2]["text"]


def test_a_program_gets_every_incident_with_its_changes(digest: Callable[..., Digest]) -> None:
    """The webhook's body holds each incident as the contract has it, what happened, and what else is open."""
    told = digest_message(digest("opened:1", "grew:10", standing=2))
    assert told["type"] == "incidents.digest"
    assert [[one["kind"] for one in each["changes"]] for each in told["data"]["incidents"]] == [["opened"], ["grew"]]
    assert [each["incident"]["id"] for each in told["data"]["incidents"]] == ["INC00", "INC01"]
    assert told["data"]["standing"] == ["INC02", "INC03"]
    held = digest_message(digest(by="ceiling", held_back=12, an_hour=30))
    assert (held["type"], held["data"]) == ("incidents.held_back", {"held_back": 12, "an_hour": 30})


def test_nobodys_address_is_shown(digest: Callable[..., Digest], make_incident: Make, sample: Any) -> None:
    """Recipients are hidden in a digest as in a card."""
    incident = make_incident(sample=sample)
    made = digest(items=((incident, (notice("opened:1"),)),))
    assert "anna.b@" not in json.dumps([digest_card(made), digest_message(made), digest_text(made)])
