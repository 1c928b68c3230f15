"""Which steps a host gets: by version, confidence, side and owner."""

import pytest

from triage.mend import fill
from triage.model.words import CATEGORIES

SET_KEYS = "Set the TLS 1.2 and .NET values"
SESSION = [
    "tls-version", "tls-cipher", "tls-required", "tls-certificate", "tls-negotiation", "connection-dropped",
    "connection-refused", "connection-timeout", "expired", "protocol-error",
]  # fmt: skip
CAPABLE = ["14.3.235.1", "14.3.513.0", "15.0.1497.2", "15.1.225.42", "15.1.2507.6", "15.2.1748.10", "15.2.2562.17"]
INCAPABLE = ["8.3.83.6", "14.3.123.4", "15.0.516.32"]
PARTNER = {"receiving": "mx1.fabrikam.example", "side": "receiving", "ours": False}


def changes_keys(filled):
    """Tell whether any step of the change sets the keys."""
    return any(step.title.startswith(SET_KEYS) for step in filled.change)


@pytest.mark.parametrize("confidence", ["probable", "certain"])
@pytest.mark.parametrize("build", CAPABLE)
def test_capable_build_gets_the_change_and_its_files(incident, shelf, hosts, build, confidence):
    """From probable on, a Windows server whose build can speak TLS 1.2 gets the change, its files and the script."""
    filled = fill(incident(build=build, confidence=confidence), shelf, hosts)
    names = [name for name, _ in filled.files]
    assert changes_keys(filled)
    assert names == [f"tls12-hq-ex10a.contoso.example{end}" for end in (".reg", "-undo.reg", ".ps1")]
    assert any("2008 R2" in step.body and "outage back" in step.body for step in filled.undo)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"confidence": "possible", "build": "14.3.513.0"}, "only possible"),
        ({"build": "14.3.123.4"}, "SP3 RU9 (14.3.235.1)"),
        ({"build": "15.0.516.32"}, "CU8 (15.0.1076.9)"),
        ({"build": "8.3.83.6"}, "have no update that speaks TLS 1.2"),
        ({"source": "send-log"}, "is not known"),
        ({"trust": "low", "build": "14.3.513.0", "confidence": "probable"}, "may be forged"),
        ({"category": "connection-dropped", "build": "14.3.513.0"}, "is not a TLS version"),
        ({"category": "tls-required", "build": "14.3.513.0"}, "is not a TLS version"),
        ({"category": "tls-cipher", "build": "14.3.513.0"}, "is not a TLS version"),
        ({"ours": False, "build": "14.3.513.0"}, "is not ours"),
        ({"sending": "a.prod.outlook.com", "ours": False}, "Exchange Online is Microsoft's"),
        ({}, "it is not known what"),
    ],
    ids=[
        "possible", "2010-old", "2013-old", "2007", "no-build", "forged", "dropped", "required", "cipher", "partner",
        "cloud", "unknown-system",
    ],
)  # fmt: skip
def test_withheld_change_says_why(incident, shelf, hosts, change, reason):
    """Where the registry change is withheld, no file is attached and a sentence says why."""
    filled = fill(incident(**change), shelf, hosts)
    assert filled.files == ()
    assert any(reason in sentence for sentence in filled.withheld), filled.withheld


@pytest.mark.parametrize("category", SESSION)
@pytest.mark.parametrize("build", CAPABLE + INCAPABLE)
def test_every_session_fault_of_a_windows_server_reads_the_keys(incident, shelf, hosts, category, build):
    """Each session fault of a Windows server carries the read-only key check exactly once."""
    filled = fill(incident(category=category, build=build, confidence="possible"), shelf, hosts)
    reads = [step for step in filled.check if "TLS 1.2\\Client' -ErrorAction" in step.body]
    assert len(reads) == 1
    assert reads[0].restart is False


@pytest.mark.parametrize("product", ["Postfix", "Exim", "sendmail"])
@pytest.mark.parametrize("category", SESSION)
def test_no_registry_on_a_server_that_is_not_windows(incident, shelf, hosts, text_of, category, product):
    """A host known to run another mail server sees no registry and no Exchange cmdlet."""
    text = text_of(fill(incident(category=category, product=product), shelf, hosts))
    assert "SCHANNEL" not in text
    assert "Get-SendConnector" not in text
    assert "Get-ExchangeCertificate" not in text


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_registry_where_exchange_online_is_at_fault(incident, shelf, hosts, text_of, category):
    """Nobody but Microsoft can change Exchange Online: no key, no Exchange server cmdlet, no file."""
    cloud = incident(category=category, sending="a.prod.outlook.com", receiving="mx.gmail.example", ours=False)
    filled = fill(cloud, shelf, hosts)
    assert "SCHANNEL" not in text_of(filled)
    assert filled.files == ()
    assert filled.first


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("confidence", ["possible", "probable", "certain"])
def test_every_category_has_a_first_step_that_is_printed(incident, shelf, hosts, category, confidence):
    """For every category the first step is one of the steps, or the way round, that the ticket prints."""
    filled = fill(incident(category=category, confidence=confidence), shelf, hosts)
    steps = (*filled.before, *filled.check, *filled.change, *filled.verify)
    assert filled.title
    assert filled.first in {step.title for step in steps} or filled.first in filled.way_round
    assert filled.links


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("side", ["sending", "receiving", "path", None])
def test_nothing_known_is_filled_all_the_same(incident, shelf, hosts, text_of, category, side):
    """An incident without hosts, builds or domain gives steps with stand-ins, and leaves no placeholder open."""
    bare = incident(category=category, side=side, sending=None, receiving=None, domain=None, ours=None)
    text = text_of(fill(bare, shelf, hosts))
    assert all(mark not in text for mark in ("{{", "}}", "{%", "%}", "<!--", "'None'", " None,", "unknown."))


def test_incident_without_a_sample_is_filled(incident, shelf, hosts):
    """An incident whose sample is missing still gets its runbook."""
    import msgspec

    filled = fill(msgspec.structs.replace(incident(), sample=None), shelf, hosts)
    assert filled.id == "tls-version"


@pytest.mark.parametrize("category", ["tls-version", "tls-required", "tls-certificate", "connection-dropped"])
@pytest.mark.parametrize("build", [None, "15.0.1497.2"])
def test_partner_server_steps_are_labelled_and_come_last(incident, shelf, hosts, category, build):
    """On a partner's server our admin's steps come first, and the others say for whom they are."""
    filled = fill(incident(category=category, build=build, **PARTNER), shelf, hosts)
    theirs = ["who is not us" in (step.where or "") for step in filled.check]
    assert theirs == sorted(theirs)
    assert filled.check[0].title == filled.first or "who is not us" not in (filled.check[0].where or "")
    assert any(step.title == "Write to the postmaster of mx1.fabrikam.example" for step in filled.change)
    assert filled.files == ()


def test_partner_server_is_asked_with_openssl_first(incident, shelf, hosts):
    """For a partner's receiving host the first step is a question that we can ask from here."""
    filled = fill(incident(confidence="probable", **PARTNER), shelf, hosts)
    assert filled.first == "Ask mx1.fabrikam.example for TLS 1.2 from outside"


def test_device_gets_device_steps_and_no_server_steps(incident, shelf, hosts, text_of):
    """A device that submits mail is asked for firmware and relay, never for Schannel keys."""
    filled = fill(incident(kind="device", sending="printer-3.contoso.example"), shelf, hosts)
    text = text_of(filled)
    assert "smtp-legacy.office365.com" in text
    assert "SCHANNEL" not in text
    assert filled.first == "Send the device's mail through a relay of ours that speaks TLS 1.2"


def test_open_side_is_the_end_that_somebody_can_change(incident, shelf, hosts):
    """Where the verdict names no side, the end that is not Microsoft's is the one to look at."""
    assert fill(incident(side=None), shelf, hosts).host == "hq-ex10a.contoso.example"


@pytest.mark.parametrize(
    ("category", "kind", "title"),
    [
        ("connector-attribution", "connector", "Read which certificate hq-ex10a.contoso.example shows"),
        ("dns", "domain", "See which resolver hq-ex10a.contoso.example asks"),
    ],
)
def test_far_side_that_is_no_server_is_looked_at_from_ours(incident, shelf, hosts, category, kind, title):
    """A connector or a domain of the other side is no machine: the steps are for the server of ours that sends to it."""
    import msgspec

    from triage.model import Responsible

    one = incident(category=category, build="15.1.2507.6")
    blamed = Responsible(kind=kind, side="receiving", host="fabrikam.example", ours=False)
    verdict = msgspec.structs.replace(one.verdict, responsible=blamed)
    filled = fill(msgspec.structs.replace(one, verdict=verdict), shelf, hosts)
    assert filled.host == "hq-ex10a.contoso.example"
    assert title in [step.title for step in filled.check]
    assert not any("who is not us" in (step.where or "") for step in filled.check)


def test_far_connector_stays_theirs_where_we_do_not_send(incident, shelf, hosts):
    """Where neither end is ours, the connector's admin is somebody else, and we are told to write."""
    import msgspec

    from triage.model import Responsible

    one = incident(category="connector-attribution", sending="mx.fabrikam.example", ours=None)
    blamed = Responsible(kind="connector", side="receiving", ours=False)
    verdict = msgspec.structs.replace(one.verdict, responsible=blamed)
    filled = fill(msgspec.structs.replace(one, verdict=verdict), shelf, hosts)
    assert any(step.title.startswith("Write to the postmaster") for step in filled.change)


def test_possible_changes_no_server(incident, shelf, hosts):
    """While the verdict is only possible, the steps of the change plan or write, and none is done to the server."""
    for category in SESSION:
        filled = fill(incident(category=category, confidence="possible", build="14.3.513.0"), shelf, hosts)
        assert not changes_keys(filled)
        assert all("Set-" not in step.body and "Enable-" not in step.body for step in filled.change)


def test_same_incident_fills_the_same(incident, shelf, hosts):
    """Filling is a pure function: the same incident gives the same runbook."""
    assert fill(incident(build="14.3.513.0"), shelf, hosts) == fill(incident(build="14.3.513.0"), shelf, hosts)


def test_authentication_asks_for_the_domain_that_is_blamed(incident, shelf, hosts, text_of):
    """The DNS question of an authentication fault is for the sender's domain, never for the receiver's."""
    import msgspec

    from triage.model import Original

    one = incident(category="authentication", family="content-and-policy", domain="fabrikam.example")
    sample = msgspec.structs.replace(one.sample, original=Original(from_="karl.holm@contoso.example"))
    text = text_of(fill(msgspec.structs.replace(one, sample=sample), shelf, hosts))
    assert "nslookup -type=txt contoso.example" in text


def test_title_claims_nothing_while_only_possible(incident, shelf, hosts):
    """A possible verdict says in its heading that it has to be checked."""
    assert fill(incident(confidence="possible"), shelf, hosts).title.startswith("To be checked: ")
    assert not fill(incident(confidence="probable"), shelf, hosts).title.startswith("To be checked: ")


@pytest.mark.parametrize(
    ("build", "wanted", "unwanted"),
    [
        ("14.3.513.0", "SP3 RU32", "CU23"),
        ("15.0.1497.2", "CU23", "RU32"),
        ("15.2.1748.10", "CU15", "KB3161949"),
    ],
)
def test_updates_are_those_of_the_version(incident, shelf, hosts, build, wanted, unwanted):
    """The plan for updates names the last one of this version and nothing of the others."""
    (plan,) = [
        step for step in fill(incident(build=build), shelf, hosts).change if step.title.startswith("Plan the latest")
    ]
    assert wanted in plan.body
    assert unwanted not in plan.body


@pytest.mark.parametrize(
    ("receiving", "domain", "first"),
    [
        ("gmail-smtp-in.l.google.com", "gmail.com", "Read SPF and DMARC"),
        ("mx1.northwind.example", "northwind.example", "TLS 1.2"),
    ],
)
def test_a_session_lost_to_a_large_provider_begins_with_the_records(incident, shelf, hosts, receiving, domain, first):
    """A large provider speaks TLS 1.2, so the first step is what decides there, and the keys come after it."""
    lost = incident(
        category="connection-dropped", confidence="possible", build="15.1.2507.6", receiving=receiving, domain=domain
    )
    filled = fill(lost, shelf, hosts)
    assert first in filled.first
    assert any("TLS 1.2" in step.title for step in filled.check)
