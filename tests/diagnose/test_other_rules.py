"""The shipped rules other than TLS and sessions: what they conclude, and what they must not conclude."""

import time
import tomllib
from pathlib import Path

import pytest

from triage import diagnose as stage
from triage.diagnose import Rulebook, diagnose
from triage.hosts import Hosts
from triage.model import Diagnosis, Observation

RULES = Path(stage.__file__).parent / "rules"
CODES = Path(stage.__file__).parent.parent / "knowledge" / "status_codes.toml"
OURS = [path for path in sorted(RULES.glob("*.toml")) if path.name >= "20"]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    """Give the shipped rules, read once."""
    return Rulebook.load()


def concluded(rulebook: Rulebook, text: str | None, code: int | None = None, status: str | None = None) -> Diagnosis:
    """Give the diagnosis of a returned message whose report says this and nothing more."""
    words = (text or "").split()
    if code is None and words and words[0][:3].isdigit():
        code = int(words[0][:3])
        inner = words[0][4:] or (words[1] if len(words) > 1 else "")
        status = status or (inner if inner[1:2] == "." and inner.replace(".", "").isdigit() else None)
    observation = Observation(
        source="ndr", action="failed", impact="returned", reply_code=code, status=status, diagnostic=text
    )
    diagnosis = diagnose(observation, rulebook, Hosts())
    assert diagnosis is not None
    return diagnosis


@pytest.mark.parametrize("path", OURS, ids=[path.name for path in OURS])
def test_every_sample_wins_and_no_not_sample_matches(rulebook: Rulebook, path: Path) -> None:
    """The examples that a rule carries prove it: its samples win against all other rules, its not-samples do not match."""
    names = {rule["id"] for rule in tomllib.loads(path.read_text(encoding="utf-8"))["rule"]}
    assert names
    assert [problem for problem in rulebook.check() if any(name in problem.split() for name in names)] == []


@pytest.mark.parametrize(
    ("text", "category"),
    [
        pytest.param("550 no user", "recipient-unknown", id="two words are enough"),
        pytest.param("550 5.7.1 <kim@fabrikam.example>: user unknown", "recipient-unknown", id="5.7.1 says nothing"),
        pytest.param("550 5.2.1 <kim@fabrikam.example>... User Unknown", "recipient-unknown", id="text before 5.2.1"),
        pytest.param("550 5.2.1 account suspended", "recipient-inactive", id="5.2.1 and its own words"),
        pytest.param("550 5.2.2 Mailbox over quota", "mailbox-full", id="5.2.2 a full mailbox"),
        pytest.param("554 5.2.2 Submission quota exceeded", "rate-limit", id="5.2.2 at Exchange Online"),
        pytest.param("552 5.1.1 mailbox kim is over quota", "mailbox-full", id="a full mailbox with 5.1.1"),
        pytest.param("554 you have reached your hourly sending quota", "rate-limit", id="a quota of messages"),
        pytest.param("550 5.1.1 max message size exceeded", "message-too-large", id="size with 5.1.1"),
        pytest.param("550 5.4.1 Recipient address rejected: Access denied", "recipient-unknown", id="edge blocking"),
        pytest.param("550 5.7.1 Recipient address rejected: Access denied", "policy", id="the same words, a policy"),
        pytest.param("550 5.4.1 Relay Access Denied", "relay-denied", id="the same code, a relay"),
        pytest.param("550 5.7.64 TenantAttribution; Relay Access Denied", "connector-attribution", id="the tenant"),
        pytest.param("550 5.1.8 Access denied, bad outbound sender", "reputation", id="5.1.8 at Exchange Online"),
        pytest.param("553 5.1.8 Domain of sender address does not exist", "dns", id="5.1.8 elsewhere"),
        pytest.param("550 5.7.1 Sender address rejected: User unknown", "policy", id="the sender, not the recipient"),
        pytest.param("554 5.7.9 Message not accepted for policy reasons", "authentication", id="Yahoo's 5.7.9"),
        pytest.param("535 5.7.9 mechanism too weak", "relay-denied", id="5.7.9 as registered"),
        pytest.param("421 4.7.28 unusual rate of unsolicited mail", "reputation", id="Gmail's 4.7.28"),
        pytest.param("452 4.5.3 too many recipients", "rate-limit", id="a transaction too wide"),
        pytest.param("550 5.7.1 too many invalid recipients, blocked", "reputation", id="a sender of guesses"),
        pytest.param("450 4.2.0 Recipient address rejected: Greylisted", "greylisted", id="greylisting"),
        pytest.param("550 5.7.25 no PTR record for 192.0.2.10", "authentication", id="reverse DNS"),
        pytest.param("450 4.1.2 Recipient address rejected: Domain not found", "dns", id="the recipient's domain"),
        pytest.param("554 5.3.5 mail loops back to myself", "loop", id="a loop with a system's code"),
        pytest.param("452 4.3.1 Insufficient system storage", "system", id="a full server, not a full mailbox"),
        pytest.param("503 5.5.1 need RCPT first; bad sequence of commands", "protocol-error", id="out of order"),
        pytest.param("550 5.7.1 Unauthenticated senders not allowed", "relay-denied", id="no log-on"),
        pytest.param("554 5.7.1 Client host [192.0.2.9] blocked using bl.example", "reputation", id="a block list"),
        pytest.param("550 domain in body listed at SURBL", "spam-block", id="a listed link"),
        pytest.param("554 5.6.0 header error", "content-rejected", id="a broken header"),
    ],
)
def test_the_words_decide_before_the_codes(rulebook: Rulebook, text: str, category: str) -> None:
    """A text that says what is wrong wins over the code beside it, and a vendor's meaning over the registered one."""
    assert concluded(rulebook, text).category == category


NAMES = (
    "spam virus greylisting greylist phishing throttled dkim dmarc spf ptr rdns relay-denied loop quota mailbox.full "
    "mailbox-full not-found blacklisted surbl ube spamassassin rate-limit sender-score starttls dmarc-spf no-reply"
).split()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("address", ["{}@fabrikam.example", "kim@{}.example"], ids=["local part", "domain"])
def test_a_name_in_an_address_decides_nothing(rulebook: Rulebook, name: str, address: str) -> None:
    """Words inside an address are somebody's choice of name, not a cause."""
    text = f"550 5.1.1 <{address.format(name)}>: User unknown"
    assert concluded(rulebook, text).category == "recipient-unknown"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("554 Transaction failed", id="a bare 554"),
        pytest.param("550 5.0.0 failed", id="x.0.0"),
        pytest.param("450 4.4.8 retry", id="x.4.8 has two meanings"),
        pytest.param("550 see https://postmaster.fabrikam.example/550-5.1.1", id="a code in a link"),
        pytest.param("550 ticket 552 5 7 1 opened", id="bare numbers"),
    ],
)
def test_what_says_too_little_stays_unclassified(rulebook: Rulebook, text: str) -> None:
    """Unclassified is a result: nothing is guessed from a reply that stands for everything."""
    assert concluded(rulebook, text).category == "unclassified"


def test_an_expired_message_is_not_given_a_cause_by_these_rules(rulebook: Rulebook) -> None:
    """Expired says when a server gave up, never why: none of these rules answers to it."""
    mine = {rule["id"] for path in OURS for rule in tomllib.loads(path.read_text(encoding="utf-8"))["rule"]}
    for text in ("550 4.4.7 QUEUE.Expired; message expired", "550 5.4.300 Message expired", "delivery time expired"):
        assert concluded(rulebook, text).rule not in mine


@pytest.mark.parametrize(
    ("text", "category"),
    [
        pytest.param("550 Benutzer unbekannt", "recipient-unknown", id="de unknown"),
        pytest.param("552 Das Postfach von Kim ist voll", "mailbox-full", id="de full"),
        pytest.param("550 Destinataire inconnu", "recipient-unknown", id="fr unknown"),
        pytest.param("552 La boîte aux lettres est pleine", "mailbox-full", id="fr full"),
        pytest.param("550 El destinatario no existe", "recipient-unknown", id="es unknown"),
        pytest.param("552 El buzón está lleno", "mailbox-full", id="es full"),
        pytest.param("550 Utente sconosciuto", "recipient-unknown", id="it unknown"),
        pytest.param("550 Usuário inexistente", "recipient-unknown", id="pt unknown"),
        pytest.param("550 Пользователь не найден", "recipient-unknown", id="ru unknown"),
        pytest.param("550 宛先のアドレスが見つかりません", "recipient-unknown", id="ja unknown"),
        pytest.param("552 メールボックスがいっぱいです", "mailbox-full", id="ja full"),
    ],
)
def test_localised_replies_are_read(rulebook: Rulebook, text: str, category: str) -> None:
    """A reply in the language of its server says the same as the English one."""
    assert concluded(rulebook, text).category == category


def code_table() -> list[tuple[str, str]]:
    """Give the registered codes that allow a category by themselves."""
    codes = tomllib.loads(CODES.read_text(encoding="utf-8"))["iana"]
    return [(code, entry["category"]) for code, entry in codes.items() if "category" in entry]


@pytest.mark.parametrize(("code", "category"), code_table(), ids=[code for code, _ in code_table()])
def test_a_bare_code_gives_the_category_of_the_table(rulebook: Rulebook, code: str, category: str) -> None:
    """The rules for bare codes and the table of meanings agree, and a bare code is never certain."""
    diagnosis = concluded(rulebook, "delivery failed", 550, f"5.{code}")
    assert (diagnosis.category, diagnosis.confidence == "certain") == (category, False)


@pytest.mark.parametrize("code", ["0.0", "4.0", "4.7", "4.8", "7.3", "7.10", "7.11"])
def test_codes_without_a_category_have_none_from_these_rules(code: str) -> None:
    """Where a code says too little or the text decides, the table claims nothing."""
    assert "category" not in tomllib.loads(CODES.read_text(encoding="utf-8"))["iana"][code]


def test_a_verdict_from_codes_alone_shows_what_it_leaves_open(rulebook: Rulebook) -> None:
    """5.7.1 may stand for anything: the verdict is possible, and the other causes are named."""
    diagnosis = concluded(rulebook, "delivery failed", 550, "5.7.1")
    assert diagnosis.confidence == "possible"
    assert {one.category for one in diagnosis.alternatives} >= {"spam-block", "reputation", "authentication"}


@pytest.mark.parametrize(
    ("text", "kind", "side", "actor"),
    [
        pytest.param("550 5.1.1 User unknown", "address", "receiving", "sender", id="a wrong address"),
        pytest.param("552 5.2.2 Mailbox full", "address", "receiving", "recipient", id="a full mailbox"),
        pytest.param("552 5.3.4 Message too large", "address", "sending", "sender", id="a large message"),
        pytest.param("550 5.7.23 SPF check failed", "domain", "sending", "mail-team", id="SPF"),
        pytest.param("554 blocked using bl.example", "host", "sending", "mail-team", id="a listed address"),
        pytest.param("450 4.7.1 Greylisted", "host", "receiving", "nobody", id="greylisting"),
        pytest.param(
            "530 5.7.57 Client was not authenticated to send", "device", "sending", "mail-team", id="a device"
        ),
        pytest.param("550 5.7.705 tenant has exceeded threshold", "tenant", "sending", "mail-team", id="a tenant"),
        pytest.param("550 5.7.124 sender not in allowed-senders list", "address", "receiving", "recipient", id="group"),
    ],
)
def test_fault_and_duty_are_told_apart(rulebook: Rulebook, text: str, kind: str, side: str, actor: str) -> None:
    """What has to be mended and who has to act are separate answers."""
    diagnosis = concluded(rulebook, text)
    assert (diagnosis.responsible.kind, diagnosis.responsible.side, diagnosis.actor) == (kind, side, actor)


@pytest.mark.parametrize("word", ["user ", "mailbox full ", "a@b ", "reject ", "\N{HIRAGANA LETTER A}", "<" * 9 + " "])
def test_hostile_text_takes_no_time(rulebook: Rulebook, word: str) -> None:
    """A reply made to slow a pattern down is answered at once."""
    concluded(rulebook, "550 user unknown")
    started = time.perf_counter()
    concluded(rulebook, "550 " + word * (8000 // len(word)))
    assert time.perf_counter() - started < 1.0


DOC = Path(stage.__file__).parents[2] / "docs" / "rules.md"


def test_the_rule_in_the_documentation_works_as_written(tmp_path: Path) -> None:
    """Who copies the documented rule into a folder of their own has a rule that holds and is tried first."""
    example = DOC.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    (tmp_path / "partner.toml").write_text(example, encoding="utf-8")
    site = Rulebook.load(tmp_path)
    sample = tomllib.loads(example)["rule"][0]["samples"][0]
    assert [problem for problem in site.check() if site.rules[0].id in problem] == []
    assert concluded(site, sample).rule == site.rules[0].id


@pytest.mark.parametrize("name", ["Rule", "When"])
def test_every_field_of_a_rule_is_documented(name: str) -> None:
    """The page on rules names each field that a rule may have."""
    from triage.diagnose import schema

    text = DOC.read_text(encoding="utf-8")
    prefix = "when." if name == "When" else ""
    fields = [field for field in getattr(schema, name).model_fields if field != "when"]
    assert [field for field in fields if f"`{prefix}{field}`" not in text] == []
