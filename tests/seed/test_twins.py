"""Twins of the support case: one decisive fact is changed, and the outcome changes as the fact demands."""

import pytest

from tests.seed.conftest import CLOUD, DROPPED, NO_BUILD, TENANT, TLS12, stamp

POD = "AM5EUR02FT041.eop-eur02.prod.protection.outlook.com"
CONFIDENCES = ("possible", "probable", "certain")
OLD = {
    "2007": "8.3.83.6",
    "2010 SP3": "14.3.123.4",
    "2010 SP3 RU8v2": "14.3.224.2",
    "2013 SP1": "15.0.847.32",
    "2013 CU7": "15.0.1044.25",
}
NEW = {"2019 CU15": "15.2.1748.10", "SE": "15.2.2562.17"}


def sure_of(verdict, category):
    """Give how sure a verdict is of a category: its own confidence, that of an alternative, or less than possible."""
    if verdict.category == category:
        return CONFIDENCES.index(verdict.confidence)
    return max(
        (CONFIDENCES.index(one.confidence) for one in verdict.alternatives if one.category == category), default=-1
    )


# The build of the server that sends


@pytest.mark.parametrize("number", OLD.values(), ids=OLD)
def test_a_build_that_cannot_speak_tls_1_2_raises_and_never_proves(build, finding, number):
    """The same text is probable instead of possible; a generic text in one report is never certain."""
    unknown, old = finding(build["to-cloud"](build=None)).diagnosis, finding(build["to-cloud"](build=number)).diagnosis
    assert (unknown.category, unknown.confidence) == ("tls-version", "possible")
    assert (old.category, old.confidence) == ("tls-version", "probable")
    assert any("TLS 1.0" in one.text for one in old.evidence if one.supports)


@pytest.mark.parametrize("number", NEW.values(), ids=NEW)
def test_a_new_build_lowers(build, finding, number):
    """Exchange 2019 and SE speak TLS 1.2 by themselves: the dropped connection is no more than that."""
    new = finding(build["to-cloud"](build=number)).diagnosis
    assert (new.category, new.confidence) == ("connection-dropped", "possible")
    assert new.runbook == "connection-dropped"
    assert any("TLS 1.2" in one.text for one in new.evidence)


def test_the_build_counts_at_the_end_that_it_belongs_to(build, finding):
    """An old build on the way of a message that Exchange Online sent says nothing of the receiving server."""
    stamps = [
        stamp(CLOUD, "15.20.9253.12", f"Microsoft SMTP Server ({TLS12})", "old.contoso.example"),
        stamp("old.contoso.example", "14.3.123.4"),
    ]
    verdict = finding(build["from-cloud"](stamps=stamps)).diagnosis
    assert (verdict.category, verdict.confidence) == ("tls-version", "possible")


def test_the_old_build_of_the_receiver_raises(build, finding):
    """A server that sent the message before it came back to it is known by its stamp: too old for TLS 1.2."""
    stamps = [
        stamp(CLOUD, "15.20.9253.12", "Microsoft SMTP Server", "mail.fabrikam.example"),
        stamp("mail.fabrikam.example", "14.3.123.4"),
    ]
    verdict = finding(build["from-cloud"](stamps=stamps)).diagnosis
    assert (verdict.category, verdict.confidence, verdict.responsible.side) == ("tls-version", "probable", "receiving")


def test_an_old_server_between_two_of_ours_is_the_fault_where_the_other_insists(build, finding):
    """Exchange 2010 before RU9 towards Exchange 2019 has no version in common with it, with no Microsoft in it."""
    stamps = [
        stamp("hq-ex10a.contoso.example", "14.3.123.4", "Microsoft SMTP Server", "hq-ex19a.contoso.example"),
        stamp("hq-ex19a.contoso.example", "15.2.1748.10", f"Microsoft SMTP Server ({TLS12})"),
    ]
    verdict = finding(build["between"](receiving="hq-ex19a.contoso.example", stamps=stamps)).diagnosis
    assert (verdict.category, verdict.responsible.host) == ("tls-version", "hq-ex10a.contoso.example")
    assert (verdict.confidence, verdict.actor) == ("probable", "mail-team")


# The receiver


@pytest.mark.parametrize(
    "receiver",
    ["gmail-smtp-in.l.google.com", "aspmx.l.google.com", "mta5.am0.yahoodns.net", "mx-eu.mail.am0.yahoodns.net"],
)
def test_exchange_online_to_a_large_provider_is_hardly_tls(build, finding, receiver):
    """Both ends speak TLS 1.2: the sender's authentication or reputation, never a TLS fault with its runbook."""
    verdict = finding(build["from-cloud"](receiving=receiver, recipients=("anna@gmail.example",))).diagnosis
    assert verdict.category in ("authentication", "reputation")
    assert (verdict.confidence, verdict.responsible.side, verdict.actor) == ("possible", "sending", "mail-team")
    assert sure_of(verdict, "tls-version") == -1
    assert verdict.responsible.host == "contoso.example"


@pytest.mark.parametrize("receiver", ["gmail-smtp-in.l.google.com", "mta5.am0.yahoodns.net"])
def test_a_server_of_ours_to_a_large_provider_is_no_longer_exchange_online(build, finding, receiver):
    """The same bounce from a server whose build speaks TLS 1.2 is a lost connection, TLS at most possible."""
    verdict = finding(build["to-cloud"](receiving=receiver, build="15.1.2507.6")).diagnosis
    assert verdict.category != "tls-version"
    assert verdict.confidence == "possible"


# Another cause in the same report


def test_a_recipient_that_does_not_exist_is_just_that(build, finding):
    """However old the server, an unknown address is the sender's to correct."""
    cause = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"
    found = finding(build["to-cloud"](build="14.3.123.4", cause=cause, notice=cause, status="5.1.10"))
    assert (found.diagnosis.category, found.diagnosis.actor) == ("recipient-unknown", "sender")
    assert (found.diagnosis.family, found.diagnosis.permanence) == ("recipient", "permanent")
    assert sure_of(found.diagnosis, "tls-version") == -1


@pytest.mark.parametrize("generation", ["2007", "2010"])
def test_a_remote_server_that_knows_no_such_user_is_believed(build, finding, generation):
    """In the older forms too, the remote server's 5.1.1 is the cause."""
    facts = {"cause": "550 5.1.1 User unknown", "status": "5.1.1", "generation": generation, "build": "14.3.123.4"}
    verdict = finding(build["to-cloud"](**facts)).diagnosis
    assert (verdict.category, verdict.runbook) == ("recipient-unknown", "recipient-unknown")


@pytest.mark.parametrize("direction", ["to-cloud", "from-cloud", "between"])
@pytest.mark.parametrize("generation", ["2007", "2010", "classic", "table"])
def test_only_expired_is_left(build, finding, direction, generation):
    """With no inner cause, the report says that the time was up, and nothing of TLS."""
    notice = "550 5.4.300 Message expired" if direction == "from-cloud" else "550 4.4.7 QUEUE.Expired; message expired"
    found = finding(build[direction](cause=None, notice=notice, generation=generation))
    assert (found.diagnosis.category, found.diagnosis.runbook) == ("expired", "expired")
    assert found.observation.tls.error is None
    assert found.diagnosis.confidence != "probable" or found.diagnosis.responsible.host is None


NAMES = {
    # error name or text: category
    "ConnectionReset": ("421 4.4.2 Connection dropped due to ConnectionReset", "connection-dropped"),
    "TimedOut": ("421 4.4.2 Connection dropped due to TimedOut", "connection-timeout"),
    "10060": ("421 4.2.1 Unable to connect -> SocketTimedout: Socket error code 10060", "connection-timeout"),
    "10060 in words": ('441 4.4.1 Error encountered while communicating with primary target IP address: "Failed to connect. Winsock error code: 10060, Win32 error code: 10060." Attempted failover to alternate host, but that did not succeed.', "connection-timeout"),  # noqa: E501
    "10061": ("421 4.2.1 Unable to connect -> SocketConnectionRefused: Socket error code 10061", "connection-refused"),
    "rate": ("421 4.4.2 Message submission rate for this client has exceeded the configured limit", "rate-limit"),
    "DNS": ("450 4.4.312 DNS query failed", "dns"),
    "4.7.66": ("421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2. Visit https://aka.ms/smtp_auth_tls.", "tls-version"),  # noqa: E501
    "5.7.230": ("550 5.7.230 Connecting Exchange server version is out-of-date; connection to Exchange Online is blocked for 10 mins/hr.", "server-out-of-date"),  # noqa: E501
    "4.7.230": ("450 4.7.230 Connecting Exchange server version is out-of-date; connection to Exchange Online is throttled for 5 mins/hr.", "server-out-of-date"),  # noqa: E501
    "certificate validation": ("454 4.7.5 Certificate validation failure", "tls-certificate"),
    "relay": ("550 5.7.64 TenantAttribution; Relay Access Denied", "connector-attribution"),
    "5.7.51": ("550 5.7.51 TenantInboundAttribution; There is a partner connector configured that matched the message's recipient domain.", "connector-attribution"),  # noqa: E501
    "cipher": ("454 4.7.0 Temporary authentication failure because negotiated Tls cipher strength is too weak", "tls-cipher"),
}  # fmt: skip


@pytest.mark.parametrize("number", ["14.3.123.4", None], ids=["old build", "no build"])
@pytest.mark.parametrize(
    ("cause", "category"),
    [one for name, one in NAMES.items() if name != "ConnectionReset"],
    ids=[n for n in NAMES if n != "ConnectionReset"],
)
def test_another_text_is_another_cause_whatever_the_build(build, finding, number, cause, category):
    """The text that names its cause decides; an old build alone never makes a TLS version fault of it."""
    verdict = finding(
        build["to-cloud"](cause=f"451 4.4.395 Target host responded with error. -> {cause}", build=number)
    ).diagnosis
    assert (verdict.category, verdict.runbook) == (category, category)


def test_a_reset_is_the_path_unless_the_build_says_more(build, finding):
    """ConnectionReset without a build is a dropped connection, TLS at most possible; an old build may change that."""
    cause = NAMES["ConnectionReset"][0]
    found = finding(build["to-cloud"](cause=cause, build=None))
    assert found.diagnosis.category == "connection-dropped"
    assert found.diagnosis.confidence != "certain"
    assert sure_of(found.diagnosis, "tls-version") <= 0
    assert found.observation.tls.error == "ConnectionReset"
    old = finding(build["to-cloud"](cause=cause, build="14.3.123.4")).diagnosis
    assert sure_of(old, "tls-version") >= sure_of(found.diagnosis, "tls-version")


def test_the_refusal_of_tls_1_0_is_certain(build, finding):
    """4.7.66 names the version itself: certain, and the sending device or server is to be mended."""
    verdict = finding(build["to-cloud"](cause=NAMES["4.7.66"][0], build=None)).diagnosis
    assert (verdict.confidence, verdict.responsible.side, verdict.actor) == ("certain", "sending", "mail-team")


def test_an_out_of_date_server_is_certain_and_not_tls(build, finding):
    """5.7.230 is the block on old Exchange: enabling TLS 1.2 does not lift it."""
    verdict = finding(build["to-cloud"](cause=NAMES["5.7.230"][0], build="15.0.1497.2")).diagnosis
    assert (verdict.confidence, verdict.responsible.host) == ("certain", "hq-ex13a.contoso.example")
    assert sure_of(verdict, "tls-version") == -1


@pytest.mark.parametrize("name", ["UntrustedRoot", "SubjectMismatch", "CertificateExpired"])
def test_a_certificate_error_name_makes_it_the_certificate(build, finding, name):
    """In the brackets of 4.4.317, the name of a certificate error is the cause, at the receiving server."""
    brackets = f"[Message={name}] [LastAttemptedServerName=mail.fabrikam.example] [LastAttemptedIP=198.51.100.7:25]"
    cause = f"450 4.4.317 Cannot connect to remote server {brackets} [{POD}]({name})"
    notice = f"550 5.4.317 Message expired, cannot connect to remote server({name})"
    found = finding(build["from-cloud"](cause=cause, notice=notice, status="5.4.317"))
    blamed = found.diagnosis.responsible
    assert (found.diagnosis.category, found.diagnosis.runbook) == ("tls-certificate", "tls-certificate")
    assert (blamed.side, blamed.host, found.observation.tls.error) == ("receiving", "mail.fabrikam.example", name)
    assert found.diagnosis.confidence in ("probable", "certain")


@pytest.mark.parametrize("status", ["4.7.320", "5.7.320"])
def test_a_failed_validation_is_the_certificate(build, finding, status):
    """x.7.320 is the certificate of the receiving server against the connector."""
    cause = f"{status[0]}50 {status} Certificate validation failed [Message=CertificateExpired]"
    verdict = finding(build["from-cloud"](cause=cause, notice=f"550 5.4.300 Message expired -> {cause}")).diagnosis
    assert (verdict.category, verdict.responsible.side) == ("tls-certificate", "receiving")


@pytest.mark.parametrize("name", ["ConnectionReset", "TimedOut", "10061"])
def test_a_partner_whom_exchange_online_cannot_reach_is_no_work_of_our_network(build, finding, name):
    """Neither end of the hop is ours: whoever acts, it is not our network team."""
    cause, category = NAMES[name]
    verdict = finding(build["from-cloud"](cause=cause, notice=f"550 5.4.300 Message expired -> {cause}")).diagnosis
    assert verdict.category == category
    assert verdict.actor != "network-team"


def test_winsock_995_says_nothing_of_tls(build, finding):
    """An aborted connect is a network's fault at most possible to be TLS."""
    cause = "450 4.4.317 Cannot establish session with remote server [Message=Failed to connect. Winsock error code: 995, Win32 error code: 995] [LastAttemptedServerName=mail.fabrikam.example] [LastAttemptedIP=198.51.100.7:25] [SmtpSecurity=-2;-2](Failed to connect. Winsock error code: 995, Win32 error code: 995)"  # noqa: E501
    notice = "550 5.4.317 Message expired, cannot connect to remote server(Failed to connect. Winsock error code: 995, Win32 error code: 995)"  # noqa: E501
    verdict = finding(build["from-cloud"](cause=cause, notice=notice, status="5.4.317")).diagnosis
    assert not verdict.category.startswith("tls-")
    assert verdict.family == "session"


def test_a_foreign_refusal_inside_is_the_cause(build, finding):
    """What the receiver wrote about the sender's reputation is the cause, not the lost session around it."""
    inner = "550-5.7.0 Connection refused - IB116. 203.0.113.122 Senderscore too low."
    cause = f"450-4.4.317 Cannot connect to remote server [Message={inner}]"
    notice = f"550 5.4.317 Message expired, cannot connect to remote server({cause.removesuffix(']')}"
    verdict = finding(build["from-cloud"](cause=cause, notice=notice, status="5.4.317")).diagnosis
    assert verdict.category in ("reputation", "spam-block")


# The headers of the message that came back


def hybrid(build, how=f"Microsoft SMTP Server ({TLS12})", **changes):
    """Give the report on a message that the same server had handed to Exchange Online before, over that protocol."""
    pod = "DB5EUR01FT042.mail.protection.outlook.com"
    stamps = [
        stamp("hq-ex13a.contoso.example", "15.0.1130.7", from_=CLOUD),
        stamp(pod, "15.20.9253.12", how, "hq-ex13a.contoso.example"),
        NO_BUILD,
    ]
    return build["to-cloud"](stamps=stamps, **changes)


@pytest.mark.parametrize("hours", [4, 48], ids=["a delay after four hours", "an expiry after two days"])
def test_a_hop_over_tls_1_2_between_the_same_ends_overturns(build, told, hours):
    """The same server handed the same message to Exchange Online over TLS 1.2, before the tries that failed."""
    report = hybrid(build).text()
    if hours == 4:
        report = report.replace("18 Oct 2026 09:14", "20 Oct 2026 05:14").replace("Sun, 20", "Tue, 20")
    incident, _ = told(report.encode())
    assert incident.verdict.category == "connection-dropped"
    assert any("TLS 1.2" in one.text for one in incident.verdict.evidence)


def test_a_hop_in_clear_text_lowers_nothing(build, told):
    """The same hop without TLS proves nothing for TLS 1.2."""
    incident, _ = told(hybrid(build, "Microsoft SMTP Server"))
    assert incident.verdict.category == "tls-version"


def test_a_hop_of_another_server_lowers_nothing(build, told):
    """That another server of ours reaches Exchange Online over TLS 1.2 says nothing of this one."""
    report = (
        hybrid(build)
        .text()
        .replace("from hq-ex13a.contoso.example (192.0.2.77)", "from hq-ex19b.contoso.example (192.0.2.19)")
    )
    incident, _ = told(report.replace("18 Oct 2026 09:14", "20 Oct 2026 05:14").encode())
    assert incident.verdict.category == "tls-version"


# Forged

STRANGERS_WAY = (
    "Received: from mail.attacker.example (mail.attacker.example [203.0.113.66]) by mx.contoso.example\r\n"
    " (192.0.2.25) with ESMTPS id 77; Tue, 20 Oct 2026 09:14:20 +0000"
)


def test_a_report_that_our_own_server_found_forged_is_low(build, finding):
    """A failed DMARC result of our own server: the report is never more than possible, with the reason."""
    said = "Authentication-Results: mx.contoso.example; spf=fail smtp.mailfrom=contoso.example; dkim=none; dmarc=fail header.from=contoso.example"  # noqa: E501
    found = finding(build["to-cloud"](build="14.3.123.4", extra_headers=(said,)), authserv_id="mx.contoso.example")
    assert found.observation.trust.level == "low"
    assert found.diagnosis.confidence == "possible"
    assert found.diagnosis.responsible.confidence == "possible"
    assert any(not one.supports and "DMARC" in one.text for one in found.diagnosis.evidence)


def test_a_failed_result_of_a_stranger_means_nothing(build, finding):
    """The same result from a server that the settings do not name is not read: unknown, not low."""
    said = "Authentication-Results: mx.elsewhere.example; dmarc=fail header.from=contoso.example"
    found = finding(build["to-cloud"](build="14.3.123.4", extra_headers=(said,)), authserv_id="mx.contoso.example")
    assert (found.observation.trust.level, found.diagnosis.confidence) == ("unknown", "probable")


@pytest.mark.parametrize(
    "cause",
    [NAMES["4.7.66"][0], "553 This route requires TLS version 1.2 or greater", DROPPED],
    ids=["4.7.66", "requires 1.2", "dropped"],
)
def test_a_report_whose_hosts_contradict_is_never_certain(build, finding, cause):
    """The machine part says another server wrote it than the text: nothing in it is certain, not even whose it is."""
    report = build["to-cloud"](cause=cause, build="14.3.123.4")
    forged = report.text().replace(
        "Reporting-MTA: dns;hq-ex13a.contoso.example", "Reporting-MTA: dns;mx.attacker.example"
    )
    found = finding(forged.encode())
    assert found.observation.trust.level == "low"
    assert found.diagnosis.confidence == "possible"
    assert found.diagnosis.responsible.confidence in (None, "possible")
    assert sure_of(found.diagnosis, "tls-version") < 2


def test_a_stranger_cannot_accuse_our_server_for_certain(build, finding):
    """A report from outside that names our innocent server and came by a stranger's is hard to believe."""
    facts = {"cause": NAMES["4.7.66"][0], "build": "14.3.123.4", "extra_headers": (STRANGERS_WAY,)}
    found = finding(build["to-cloud"](**facts))
    assert found.observation.trust.level == "low"
    assert (found.diagnosis.confidence, found.diagnosis.responsible.confidence) == ("possible", "possible")


def test_a_forged_report_beside_a_genuine_one_changes_no_verdict(build, told):
    """One report that is hard to believe neither makes the other's verdict certain nor takes it back."""
    genuine = build["to-cloud"](build="14.3.123.4")
    forged = build["to-cloud"](
        cause=NAMES["4.7.66"][0], message_id="x1@contoso.example", extra_headers=(STRANGERS_WAY,)
    )
    incident, _ = told(genuine, forged)
    assert (incident.verdict.category, incident.verdict.confidence) == ("tls-version", "probable")


def test_many_reports_of_a_generic_text_stay_probable(build, told):
    """Ten such bounces of one server are evidence of how often, not of why: never certain without a stated cause."""
    many = [build["to-cloud"](build="14.3.123.4", message_id=f"m{n}@contoso.example") for n in range(10)]
    incident, _ = told(*many)
    assert (incident.verdict.category, incident.verdict.confidence, incident.counts.returned) == (
        "tls-version",
        "probable",
        10,
    )


def test_the_ends_stay_the_same_when_the_pod_changes(build, told):
    """Reports that name another pod of Exchange Online each are one incident between our server and the pool."""
    first = build["to-cloud"](receiving=TENANT)
    second = build["to-cloud"](receiving="contoso-example.mail.protection.outlook.com", message_id="m2@contoso.example")
    third = build["to-cloud"](receiving="contoso-example.m-v1.mx.microsoft", message_id="m3@contoso.example")
    incident, _ = told(first, second, third)
    assert (incident.ends.receiving, incident.counts.returned) == ("exchange-online", 3)
