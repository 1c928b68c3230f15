"""The Teams card: structure, size, words and redaction, whatever the input."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from triage.model import Change, Counts, Diagnosis, Ends, Evidence, FilledRunbook, Incident, Observation, Responsible
from triage.model.words import CATEGORIES, CONFIDENCES
from triage.notify import Texts, card, problems
from triage.notify.card_check import LIMIT

SCHEMA = json.loads((Path(__file__).parent / "schema" / "adaptive-card-1.5.json").read_text("utf-8"))
LINK = "https://triage.contoso.example/incidents/1"
HOSTILE = [
    "[click](https://evil.example/)",
    "<at>Everyone</at>",
    "<script>alert(1)</script>",
    "**b** _i_ `c` ~~s~~\n- item\n1. item\n# head",
    "{{DATE(2026-01-01T00:00:00Z)}} ${x}",
    "=cmd|' /C calc'!A0",
    "\x1b[31mred\x1b]0;t\x07\x00\u202egnp.exe\u2066",
    "\u05d0\u05d1\u05d2 \u0645\u0631\u062d\u0628\u0627",
    "\ud800\U0001f600" * 5_000,
    "x" * 1_000_000,
    "",
]


def content(payload: dict[str, object]) -> dict[str, Any]:
    """Give the card inside a message."""
    attachments: Any = payload["attachments"]
    inside: dict[str, Any] = attachments[0]["content"]
    return inside


def lines(payload: dict[str, object]) -> dict[str, str]:
    """Give the rows of a card by title, and the lines above them by number."""
    *blocks, facts = content(payload)["body"]
    return {str(at): block["text"] for at, block in enumerate(blocks)} | {
        f["title"]: f["value"] for f in facts["facts"]
    }


def valid(payload: dict[str, object]) -> None:
    """Raise unless the card keeps the published schema; `msteams` is an addition of Teams that it does not know."""
    inside = {key: value for key, value in content(payload).items() if key != "msteams"}
    jsonschema.Draft6Validator(SCHEMA).validate(inside)


def everywhere(value: Any, text: str) -> Any:
    """Put a text in place of every string of a struct that is not one of a closed list of words."""
    closed = {
        "state",
        "family",
        "category",
        "confidence",
        "kind",
        "side",
        "actor",
        "action",
        "impact",
        "source",
        "level",
    }
    closed |= {"permanence", "version", "phase", "ours"}
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(everywhere(one, text) for one in value)
    if isinstance(value, msgspec.Struct):
        fields = {f: getattr(value, f) for f in value.__struct_fields__}
        return type(value)(**{f: one if f in closed else everywhere(one, text) for f, one in fields.items()})
    return value


def test_a_card_answers_in_the_order_of_the_reader(
    make_incident: Callable[..., Incident], runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """Fault and host, how sure and whose, how much and since when, why now; then for, against, first, then."""
    told = lines(card(make_incident(), runbook, texts, now=now))
    assert told["0"] == "HQ-EX10A cannot agree on a TLS version with Exchange Online"
    assert told["1"] == "Certain · ours · mail team acts"
    assert told["2"].startswith("143 waiting, 12 returned, 9 domains, since 18 Oct 09:14 UTC, last 2 minutes ago.")
    assert told["3"] == "New. Next word when it has grown tenfold or the verdict changes."
    assert list(told)[4:] == ["For", "Against", "First", "Then"]
    assert told["For"].startswith("57 of 57 handshakes failed right after STARTTLS; Exchange 2010 build 14.3.123")
    assert told["Against"] == "nothing so far"


def test_a_possible_verdict_changes_no_server(
    make_incident: Callable[..., Incident], diagnosis: Diagnosis, runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """While the cause is only possible, the card checks, says so, and names no change."""
    verdict = msgspec.structs.replace(
        diagnosis,
        confidence="possible",
        evidence=(Evidence(id="any", supports=False, text="this text is written for any lost connection"),),
    )
    calm = msgspec.structs.replace(runbook, first="Read the TLS 1.2 keys")
    told = lines(card(make_incident(verdict=verdict), calm, texts, now=now))
    assert told["0"] == "HQ-EX10A lost the connection to Exchange Online while sending"
    assert told["1"] == "Possible TLS version fault · ours · mail team checks"
    assert told["Against"] == "this text is written for any lost connection"
    assert told["First"] == "Read the TLS 1.2 keys (5 minutes, no restart)"
    assert told["Then"] == "Do not change HQ-EX10A yet."


def test_a_probable_verdict_acts_after_a_cheap_check(
    make_incident: Callable[..., Incident], diagnosis: Diagnosis, runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """Probable names the fault and says that a check comes first."""
    verdict = msgspec.structs.replace(diagnosis, confidence="probable")
    told = lines(card(make_incident(verdict=verdict), runbook, texts, now=now))
    assert told["1"] == "Probable TLS version fault · ours · mail team acts, after a cheap check"
    assert "Needs a restart: a change window." in told["Then"]


def test_the_look_alike_says_hardly_tls(
    make_incident: Callable[..., Incident], sample: Observation, runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """Exchange Online to Gmail is named for what it looks like and for what it probably is."""
    verdict = Diagnosis(
        category="authentication", responsible=Responsible(kind="domain", side="sending"), actor="mail-team"
    )
    incident = make_incident(ends=Ends("exchange-online", "gmail"), verdict=verdict, sample=sample)
    told = lines(card(incident, runbook, texts, now=now))
    assert told["0"] == "Gmail drops mail from Exchange Online"
    assert told["1"] == "Hardly TLS · possible DKIM, SPF or DMARC fault · not known whose · mail team checks"
    assert "Do not change" not in told["Then"]


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize("category", CATEGORIES)
def test_each_card_is_valid(
    category: Any,
    confidence: Any,
    make_incident: Callable[..., Incident],
    diagnosis: Diagnosis,
    runbook: FilledRunbook,
    texts: Texts,
    now: str,
) -> None:
    """Every category at every confidence gives a card that keeps our own bounds and the published schema."""
    verdict = msgspec.structs.replace(diagnosis, category=category, confidence=confidence)
    payload = card(make_incident(verdict=verdict), runbook, texts, now=now, link=LINK)
    assert problems(payload) == []
    valid(payload)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:24]))
def test_hostile_words_in_every_field_stay_words(
    text: str, make_incident: Callable[..., Incident], runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """Links, mentions, markup, controls and a megabyte in each field: valid, small, and only text."""
    incident = everywhere(make_incident(acknowledged_by="x", family="recipient"), text)
    payload = card(incident, everywhere(runbook, text), texts, redact=False, now=text, link=text)
    assert problems(payload) == []
    valid(payload)
    written = json.dumps(payload, ensure_ascii=False)
    assert len(json.dumps(payload).encode()) < LIMIT
    for forbidden in ("](", "<at", "<script", "**", "{{", "://evil", "\u202e", "\x1b", "`"):
        assert forbidden not in written
    assert "actions" not in content(payload)


def test_much_evidence_is_counted_not_printed(
    make_incident: Callable[..., Incident], diagnosis: Diagnosis, runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """A thousand pieces of evidence give two and a count; the card stays under its bound."""
    many = tuple(Evidence(id=str(n), supports=n % 2 == 0, text=f"fact {n} " + "y" * 400) for n in range(1_000))
    steps = runbook.change * 300
    payload = card(
        make_incident(verdict=msgspec.structs.replace(diagnosis, evidence=many)),
        msgspec.structs.replace(runbook, change=steps),
        texts,
        now=now,
        link=LINK,
    )
    assert lines(payload)["For"].endswith("… and 498 more")
    assert lines(payload)["Then"].endswith("Needs a restart: a change window.")
    assert problems(payload) == []


def test_wide_characters_shorten_the_rows(
    make_incident: Callable[..., Incident], diagnosis: Diagnosis, runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """Texts of characters that JSON writes in twelve bytes are cut shorter instead of passing the bound."""
    wide = tuple(Evidence(id=str(n), supports=n % 2 == 0, text="\U0001f600" * 400) for n in range(8))
    steps = tuple(msgspec.structs.replace(step, title="\U0001f600" * 400) for step in runbook.change)
    verdict = msgspec.structs.replace(diagnosis, evidence=wide)
    payload = card(make_incident(verdict=verdict), msgspec.structs.replace(runbook, change=steps), texts, now=now)
    assert problems(payload) == []
    assert lines(payload)["For"].count("\U0001f600") < 2 * 220


@pytest.mark.parametrize("family", ["session", "recipient", "content-and-policy", "routing"])
def test_a_card_hides_whose_mail_it_is(
    family: Any,
    make_incident: Callable[..., Incident],
    diagnosis: Diagnosis,
    runbook: FilledRunbook,
    texts: Texts,
    now: str,
) -> None:
    """By default neither a local part nor a subject is in a card, also where the evidence quotes them."""
    quoting = Evidence(id="q", supports=True, text="the reply says “anna.b@fabrikam.example unknown” to Offer 4711")
    verdict = msgspec.structs.replace(diagnosis, evidence=(quoting,), next_check="Ask anna.b@fabrikam.example")
    incident = make_incident(family=family, verdict=verdict)
    bare = msgspec.structs.replace(runbook, first="", check=(), before=(), change=(), verify=())
    hidden = json.dumps(card(incident, bare, texts, now=now), ensure_ascii=False)
    assert "anna" not in hidden
    assert "4711" not in hidden
    assert "…@fabrikam.example" in hidden
    assert "anna.b@fabrikam.example" in json.dumps(card(incident, bare, texts, now=now, redact=False))


@pytest.mark.parametrize(
    ("link", "buttons"),
    [
        (LINK, [LINK, f"{LINK}#do-this", f"{LINK}#who-is-hit"]),
        (f"{LINK}#top", [f"{LINK}#top"]),
        (None, []),
        ("http://triage.contoso.example/", []),
        ("javascript:alert(1)", []),
        ("https://", []),
        ("https://user@evil.example/", []),
        ("https://[bad/", []),
        ("https://contoso.example/a b", []),
        ("https://contoso.example/" + "x" * 2_000, []),
    ],
)
def test_buttons_lead_to_https_alone(
    link: str | None,
    buttons: list[str],
    make_incident: Callable[..., Incident],
    runbook: FilledRunbook,
    texts: Texts,
    now: str,
) -> None:
    """Up to three buttons for an https address; none for anything else."""
    payload = card(make_incident(), runbook, texts, now=now, link=link)
    assert [action["url"] for action in content(payload).get("actions", [])] == buttons
    assert problems(payload) == []


def test_nothing_known_still_makes_a_card(make_incident: Callable[..., Incident], texts: Texts, now: str) -> None:
    """No counts, no sample, no ends, no steps, no evidence: the card says what is not known and invents nothing."""
    bare = Incident(id="x", state="open", family="session", ends=Ends(), verdict=Diagnosis())
    payload = card(bare, FilledRunbook(id="none", title="none"), texts, now=now)
    told = lines(payload)
    assert problems(payload) == []
    assert told["0"] == "Mail from the sending server to the receiving server fails for a reason that no rule knows"
    assert told["1"] == "Possible fault that no rule knows · not known whose · no actor named yet"
    assert told["2"] == "No message is counted yet."
    assert told["First"] == "Read the ticket: no single first step is known"


@pytest.mark.parametrize(
    ("kind", "text", "state", "by", "line"),
    [
        ("grew", "430 messages", "open", None, "Grown: 430 messages. Next word when it has grown"),
        ("reopened", "the fault is back", "open", None, "It is back: the fault is back."),
        (
            "resolved",
            "mail passes",
            "resolved",
            None,
            "Resolved. Resolved: mail passes. Next word only if it comes back.",
        ),
        ("acknowledged", "by Ops", "open", "Ops", "Ops has it. Acknowledged by Ops. Next word when the verdict"),
        (
            "verdict-changed",
            "from connection-dropped (possible) to tls-version (certain)",
            "open",
            None,
            "The verdict changed: from dropped connection (possible) to TLS version fault (certain).",
        ),
        ("some-new-kind", "it moved", "quiet", None, "Quiet. It moved."),
    ],
)
def test_a_card_says_why_now(
    kind: str,
    text: str,
    state: Any,
    by: str | None,
    line: str,
    make_incident: Callable[..., Incident],
    runbook: FilledRunbook,
    texts: Texts,
    now: str,
) -> None:
    """The last change is the reason, in words; then when we speak next."""
    changes = (Change(kind=kind, at=now, text=text),)
    told = lines(card(make_incident(changes=changes, state=state, acknowledged_by=by), runbook, texts, now=now))
    assert told["3"].startswith(line)


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        (Counts(returned=1), "1 returned, 9 domains, since"),
        (Counts(sessions=57), "57 failed sessions, 9 domains, since"),
        (Counts(returned=1_430, sent_unencrypted=2), "1,430 returned, 2 sent in clear text, 9 domains, since"),
        (Counts(), "9 domains, since"),
    ],
)
def test_counts_stand_apart(
    counts: Counts, line: str, make_incident: Callable[..., Incident], runbook: FilledRunbook, texts: Texts, now: str
) -> None:
    """Each count has its word, none is a sum, and a zero is not printed."""
    assert lines(card(make_incident(counts=counts), runbook, texts, now=now))["2"].startswith(line)


def broken() -> Iterator[tuple[str, Callable[[dict[str, Any]], Any]]]:
    """Give ways to spoil a card, and a word of the sentence that names each."""
    yield "not a message", lambda p: p.update(type="card")
    yield "not an Adaptive Card", lambda p: p["attachments"][0].update(contentType="text/html")
    yield "bytes", lambda p: content(p)["body"][0].update(text="x" * 30_000)
    yield "version", lambda p: content(p).update(version="1.6")
    yield "unknown key", lambda p: content(p).update(refresh={})
    yield "lacks body", lambda p: content(p).pop("body")
    yield "not one that our cards use", lambda p: content(p)["body"].append({"type": "Media"})
    yield "TextBlock.size", lambda p: content(p)["body"][0].update(size="huge")
    yield "empty or missing", lambda p: content(p)["body"][0].update(text=" ")
    yield "a link or a mention", lambda p: content(p)["body"][0].update(text="[a](b)")
    yield "a link or a mention", lambda p: content(p)["body"][0].update(text="<at>x</at>")
    yield "lines", lambda p: content(p)["body"].extend([{"type": "TextBlock", "text": "x"}] * 9)
    yield "buttons", lambda p: content(p)["actions"].append(content(p)["actions"][0])
    yield "plain https", lambda p: content(p)["actions"][0].update(url="http://x.example")
    yield "not an Action.OpenUrl", lambda p: content(p)["actions"][0].update(type="Action.Submit")


@pytest.mark.parametrize(("said", "spoil"), list(broken()), ids=lambda value: value if isinstance(value, str) else "")
def test_the_check_finds_what_teams_would_refuse(
    said: str,
    spoil: Callable[[dict[str, Any]], Any],
    make_incident: Callable[..., Incident],
    runbook: FilledRunbook,
    texts: Texts,
    now: str,
) -> None:
    """Each way to spoil a good card is named in a sentence."""
    payload = json.loads(json.dumps(card(make_incident(), runbook, texts, now=now, link=LINK)))
    spoil(payload)
    assert any(said in problem for problem in problems(payload))
