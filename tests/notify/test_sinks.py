"""The sinks: what is posted, how it is signed, what each answer means, and that no secret shows."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from tests.servers.webhooks import OLD_SECRET, SECRET, Receiver, Says, SignedReceiver, TeamsReceiver
from triage.errors import Misconfigured
from triage.model import Change, Counts, FilledRunbook, Incident, Notice
from triage.notify import SINKS, Accepted, Later, Letter, Refused, Texts, deliver, open_sinks, problems, ready
from triage.notify.post import Line
from triage.notify.sinks import teams, webhook
from triage.notify.sinks.teams import Teams
from triage.notify.sinks.webhook import Webhook as WebhookSink
from triage.notify.sinks.webhook import signed
from triage.settings import Sinks, TeamsSettings, WebhookSettings

NOW = "2026-10-20T12:00:00Z"
HERE = Line(allow_loopback=True)


def notice(name: str = "opened:1", sink: str = "webhook", **changes: Any) -> Notice:
    """Give a notice as the group stage writes it."""
    values: dict[str, Any] = {
        "at": "2026-10-20T11:00:00Z",
        "whys": (Change(kind="opened", at="2026-10-20T11:00:00Z", text="first seen"),),
        "headline": "0a1b2c3d",
        "confidence": "certain",
        "size": 12,
        "counts": Counts(returned=12),
    }
    return Notice(name=name, sink=sink, **{**values, **changes})


@pytest.fixture
def letter(make_incident: Callable[..., Incident], runbook: FilledRunbook, texts: Texts) -> Callable[..., Letter]:
    """Give a function that makes the letter of some notices."""

    def make(*notices: Notice, redact: bool = True, now: str = NOW, **changed: Any) -> Letter:
        told = notices or (notice(),)
        incident = make_incident(**changed)
        name = f"{incident.id}/{told[0].name}/{told[0].sink}"
        return Letter(name, incident, runbook, told, texts, redact, now)

    return make


def today() -> str:
    """Give the time of the clock, which receivers of signatures compare with theirs."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def test_a_card_arrives_in_the_channel(letter: Callable[..., Letter]) -> None:
    """Teams gets one valid card; the name of the run and the id of the message tell the two sides' logs together."""
    with TeamsReceiver() as receiver:
        result = Teams(SecretStr(receiver.url), HERE).send(letter())
    (request,) = receiver.taken
    assert result == Accepted("run-1")
    assert problems(request.json()) == []
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-ms-client-tracking-id"] == "inc-2026-0001/opened:1/webhook"


def test_the_card_says_why_now_and_when_next(letter: Callable[..., Letter]) -> None:
    """The line under the counts gives the reasons of all notices in the message, not the last thing that happened."""
    from_to = "from connection-dropped (possible) to tls-version (certain)"
    grew = Change(kind="grew", at="2026-10-20T11:05:00Z", text="12 messages, ten times as many as before")
    verdict = Change(kind="verdict-changed", at="2026-10-20T11:06:00Z", text=from_to)
    known = Change(kind="acknowledged", at="2026-10-20T11:07:00Z", text="by Ops")
    told = letter(notice("grew:10", whys=(grew,)), notice("verdict:1a2b3c4d", whys=(verdict,)), changes=(known,))
    body = teams.message(told)["attachments"][0]["content"]["body"]
    assert body[3]["text"] == (
        "Grown: 12 messages, ten times as many as before. The verdict changed: from dropped connection (possible) to TLS"
        " version fault (certain). Next word when it has grown tenfold or the verdict changes."
    )


def test_a_card_that_teams_would_lose_is_not_sent(
    letter: Callable[..., Letter], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow answers 202 to a broken card and shows nothing: what the check finds goes to the failed ones."""
    monkeypatch.setattr(teams, "message", lambda _: {"type": "message", "attachments": []})
    with TeamsReceiver() as receiver:
        result = Teams(SecretStr(receiver.url), HERE).send(letter())
    assert isinstance(result, Refused)
    assert receiver.taken == []


def test_teams_gets_one_card_a_second(letter: Callable[..., Letter]) -> None:
    """Teams throttles a channel at four requests a second; one a second leaves room for others."""
    with TeamsReceiver() as receiver:
        sink = Teams(SecretStr(receiver.url), HERE)
        sink.send(letter())
        sink.send(letter())
    first, second = receiver.taken
    assert second.at - first.at >= 0.95


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        (Says(429, {"Retry-After": "17"}), Later("It answered 429.", 17)),
        (
            Says(429, {"Retry-After": "Tue, 20 Oct 2026 12:00:40 GMT", "Date": "Tue, 20 Oct 2026 12:00:00 GMT"}),
            Later("It answered 429.", 40),
        ),
        (Says(503), Later("It answered 503.")),
        (
            Says(401, body=b'{"error":{"code":"DirectApiAuthorizationRequired","message":"x"}}'),
            Refused(
                "It answered 401 DirectApiAuthorizationRequired. Its trigger is not open to this caller (docs/notices.md);"
                " copy its address again after a change of that."
            ),
        ),
        (
            Says(400, body=b'{"error":{"code":"TriggerInputSchemaMismatch"}}'),
            Refused(
                "It answered 400 TriggerInputSchemaMismatch. The flow did not understand the card: look at its run"
                " history."
            ),
        ),
        (Says(404), Refused("It answered 404. The flow is gone or turned off.")),
        (Says(413), Refused("It answered 413. The card is too large.")),
    ],
)
def test_what_a_workflow_answers(letter: Callable[..., Letter], says: Says, expected: Later | Refused) -> None:
    """Throttling is waited for as long as it asks; what a person has to mend says so."""
    with TeamsReceiver(says) as receiver:
        result = Teams(SecretStr(receiver.url), HERE).send(letter())
    assert result == expected


def test_a_signed_change_arrives(letter: Callable[..., Letter]) -> None:
    """The specification's own library accepts what is posted, and finds the incident and its change in it."""
    with SignedReceiver() as receiver:
        result = WebhookSink(SecretStr(receiver.url), [SecretStr(SECRET)], HERE).send(letter(now=today()))
    assert result == Accepted()
    (told,) = receiver.acted.values()
    assert told["type"] == "incident.opened"
    assert told["timestamp"] == "2026-10-20T11:00:00Z"
    assert told["data"]["incident"]["id"] == "inc-2026-0001"
    assert told["data"]["change"] == {
        "id": "inc-2026-0001/opened:1/webhook",
        "kind": "opened",
        "at": "2026-10-20T11:00:00Z",
        "text": "first seen",
        "counts": {"returned": 12, "waiting": 0, "sessions": 0, "sent_unencrypted": 0},
    }


@pytest.mark.parametrize("held", [SECRET, OLD_SECRET], ids=["the new", "the old"])
def test_while_secrets_change_a_receiver_may_hold_either(letter: Callable[..., Letter], held: str) -> None:
    """Both keys sign: receivers change over when they like."""
    keys = [SecretStr(SECRET), SecretStr(OLD_SECRET)]
    with SignedReceiver(secrets=(held,)) as receiver:
        result = WebhookSink(SecretStr(receiver.url), keys, HERE).send(letter(now=today()))
    assert result == Accepted()


def test_a_receiver_with_another_secret_refuses(letter: Callable[..., Letter]) -> None:
    """The proof can fail: a signature of another key is not accepted, and the reason says where to look."""
    with SignedReceiver(secrets=(OLD_SECRET,)) as receiver:
        result = WebhookSink(SecretStr(receiver.url), [SecretStr(SECRET)], HERE).send(letter(now=today()))
    assert result == Refused("It answered 401. It does not accept the signature: compare the secrets of both sides.")


def test_the_signature_covers_id_time_and_body() -> None:
    """Changing any of the three breaks it."""
    seconds = int(time.time())
    headers = signed("X/opened:1/webhook", seconds, b'{"a":1}', [SecretStr(SECRET)])
    check = Webhook(SECRET)
    check.verify(b'{"a":1}', headers)
    for body, changed in [
        (b'{"a":2}', {}),
        (b'{"a":1}', {"webhook-id": "Y/opened:1/webhook"}),
        (b'{"a":1}', {"webhook-timestamp": str(seconds + 1)}),
    ]:
        with pytest.raises(WebhookVerificationError):
            check.verify(body, {**headers, **changed})


def test_no_id_holds_a_full_stop(letter: Callable[..., Letter]) -> None:
    """The specification joins id, time and body by full stops: an id with one could be shifted into the time."""
    for name in ("opened:1", "grew:1000", "verdict:0a1b2c3d", "resolved:2", "reopened:12"):
        for sink in SINKS:
            assert "." not in letter(notice(name, sink)).id


def test_what_several_notices_tell_is_one_request(letter: Callable[..., Letter]) -> None:
    """An incident that began and ended before anybody was told is told by its end, with both changes in it."""
    end = Change(kind="resolved", at="2026-10-20T11:30:00Z", text="mended")
    told = webhook.message(letter(notice(), notice("resolved:1", whys=(end,), at=end.at), state="resolved"))
    assert told["type"] == "incident.resolved"
    assert [one["kind"] for one in told["data"]["changes"]] == ["opened", "resolved"]
    assert told["data"]["change"]["text"] == "mended"


def test_an_event_type_has_only_the_characters_that_are_allowed(letter: Callable[..., Letter]) -> None:
    """Types are words of letters, digits and underscores, joined by full stops."""
    why = Change(kind="verdict-changed", at="2026-10-20T11:30:00Z", text="from x to y")
    assert webhook.message(letter(notice("verdict:0a1b2c3d", whys=(why,))))["type"] == "incident.verdict_changed"


def test_recipients_and_subjects_are_hidden_as_the_setting_says(
    letter: Callable[..., Letter], make_incident: Callable[..., Incident]
) -> None:
    """By default neither a card nor a webhook names a person or a subject; `redact = "nothing"` shows them."""
    verdict = make_incident().verdict
    shown = msgspec.structs.replace(
        verdict,
        next_check="Ask anna.b@fabrikam.example about Offer 4711",
        evidence=(msgspec.structs.replace(verdict.evidence[0], text="anna.b@fabrikam.example: Offer 4711"),),
    )
    for row in SINKS.values():
        hidden = str(row.message(letter(verdict=shown)))
        assert "anna.b@" not in hidden
        assert "Offer 4711" not in hidden
        assert "anna.b@" in str(row.message(letter(verdict=shown, redact=False)))


def settings_of(**changes: Any) -> Sinks:
    """Give the settings of a webhook, with some changed."""
    values: dict[str, Any] = {
        "url": SecretStr("https://hooks.contoso.example/in?token=s3cr3t"),
        "hosts": ("hooks.contoso.example",),
        "secret": SecretStr(SECRET),
    }
    return Sinks(webhook=WebhookSettings(**{**values, **changes}))


def test_sinks_are_made_of_the_settings() -> None:
    """A sink is there where it has an address."""
    url = SecretStr("https://prod-1.westeurope.logic.azure.com/workflows/x?sig=y")
    assert open_sinks(Sinks()) == {}
    assert set(open_sinks(Sinks(teams=TeamsSettings(url=url)))) == {"teams"}
    assert set(open_sinks(settings_of())) == set(ready(settings_of())) == {"webhook"}


@pytest.mark.parametrize(
    "changes",
    [
        {"hosts": ()},
        {"secret": None},
        {"secret": SecretStr("whsec_dG9vIHNob3J0")},
        {"secret": SecretStr("s3cr3t" * 8)},
        {"secret": SecretStr("whsec_not base64, s3cr3t" * 3)},
        {"previous_secret": SecretStr("whsec_s3cr3t")},
        {"url": SecretStr("http://hooks.contoso.example/in?token=s3cr3t")},
    ],
    ids=["no hosts", "no secret", "short", "no prefix", "no base64", "wrong old one", "no https"],
)
def test_a_webhook_that_is_set_up_wrong_is_named_and_not_shown(changes: dict[str, Any]) -> None:
    """The error names the setting; neither the address nor a key stands in it."""
    with pytest.raises(Misconfigured, match=r"sinks\.webhook\.") as raised:
        open_sinks(settings_of(**changes))
    assert "s3cr3t" not in str(raised.value)


def test_a_file_of_certificates_that_is_none_is_named(tmp_path: Any) -> None:
    """A missing or empty file of certificates is told before anything is sent."""
    (tmp_path / "empty.pem").write_bytes(b"")
    for name in ("none.pem", "empty.pem"):
        with pytest.raises(Misconfigured, match=r"sinks\.ca_file"):
            open_sinks(Sinks(ca_file=tmp_path / name))


def test_what_is_printed_of_settings_and_sinks_holds_no_secret() -> None:
    """Settings and sinks may land in a log or a traceback: their addresses and keys do not."""
    sinks = open_sinks(settings_of())
    printed = f"{settings_of()!r} {settings_of()} {sinks!r} {vars(sinks['webhook'])}"
    assert "s3cr3t" not in printed
    assert SECRET not in printed


class Broken:
    """A sink with a fault of ours in it."""

    name, at_most_twice = "webhook", False

    def send(self, letter: Letter) -> Refused:
        """Fail, with a secret in the error's text."""
        raise ZeroDivisionError(f"{letter.id} whsec_s3cr3t")


def test_a_fault_of_ours_in_one_message_is_kept_and_shown(
    letter: Callable[..., Letter], capsys: pytest.CaptureFixture[str]
) -> None:
    """It fails that message with a sentence, not the relay; and the error's own words, which may be secret, stay out."""
    result = deliver(Broken(), letter, "X/opened:1/webhook", ["opened:1"], 1)
    assert result == Refused("This program failed on writing it (ZeroDivisionError). This is a fault of ours.")
    captured = capsys.readouterr()
    assert "s3cr3t" not in captured.out + captured.err


def test_pauses_grow_and_end(letter: Callable[..., Letter]) -> None:
    """Seconds, then minutes, then an hour; after about three days a person has to look."""
    pauses = []
    with Receiver(Says(503)) as receiver:
        sink = WebhookSink(SecretStr(receiver.url), [SecretStr(SECRET)], HERE)
        for tries in (1, 2, 3, 7, 79):
            result = deliver(sink, letter, "X", ["opened:1"], tries)
            assert isinstance(result, Later)
            pauses.append(result.seconds or 0)
        last = deliver(sink, letter, "X", ["opened:1"], 80)
    assert all(least <= pause <= least * 1.2 for pause, least in zip(pauses, (5, 30, 120, 3600, 3600), strict=True))
    assert last == Refused("Given up after 80 tries. It answered 503.")


def shape(value: Any) -> Any:
    """Give the names in a JSON value, without what stands there; of a list the first one's."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else None


def test_the_documented_body_is_what_is_posted(letter: Callable[..., Letter]) -> None:
    """docs/webhook.md shows every field that a message has, and no other."""
    page = (Path(__file__).parents[2] / "docs" / "webhook.md").read_text(encoding="utf-8")
    example = json.loads(page.partition("```json\n")[2].partition("```")[0])
    posted = json.loads(msgspec.json.encode(webhook.message(letter())))
    posted["data"]["incident"]["verdict"]["alternatives"] = []
    assert shape(example) == shape(posted)
