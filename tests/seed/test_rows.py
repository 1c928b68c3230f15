"""Each row of the support case that comes as a report, in both directions and between two servers of ours."""

import pytest

from tests.seed.conftest import CLOUD, DROPPED, TENANT

SHAPES = {
    "2007": {"generation": "2007", "cause": DROPPED},
    "2010": {"generation": "2010", "cause": DROPPED},
    "2013 and later": {"generation": "classic"},
    "the table of Exchange Online": {"generation": "table"},
}
TWO_ENDS = {
    "to-cloud": ("hq-ex13a.contoso.example", TENANT),
    "from-cloud": (CLOUD, "mail.fabrikam.example"),
    "between": ("hq-ex10a.contoso.example", "hq-ex16a.contoso.example"),
}
FOUND = {
    # direction: category, confidence, side, host, ours, actor, runbook
    "to-cloud": ("tls-version", "sending", "hq-ex13a.contoso.example", True, "mail-team", "tls-version"),
    "from-cloud": ("tls-version", "receiving", "mail.fabrikam.example", False, "partner-postmaster", "tls-version"),
    "between": ("connection-dropped", None, None, None, "mail-team", "connection-dropped"),
}
FORMS = {
    "as sent": bytes,
    "plain text only": lambda report: bytes(_with(report, parts="plain")),
    "HTML only": lambda report: bytes(_with(report, parts="html")),
    "attached": lambda report: report.attached(),
    "attached two deep": lambda report: report.attached(2),
    "attached three deep": lambda report: report.attached(3),
    "attached four deep": lambda report: report.attached(4),
    "inline": lambda report: report.inline(),
    "inline, wrapped": lambda report: report.inline(width=72),
    "inline, quoted": lambda report: report.inline(quote="> "),
    "inline, wrapped and quoted": lambda report: report.inline(width=70, quote="> "),
    "inline, quoted twice": lambda report: report.inline(quote=">> "),
    "inline, smart quotes": lambda report: report.inline(smart=True),
    "inline, wrapped, quoted, smart quotes": lambda report: report.inline(width=70, quote="> ", smart=True),
    "inline, HTML only": lambda report: report.inline(page=True),
    "inline, HTML only, smart quotes": lambda report: report.inline(page=True, smart=True),
}


def _with(report, **facts):
    for name, value in facts.items():
        setattr(report, name, value)
    return report


@pytest.mark.parametrize("direction", TWO_ENDS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_dropped_session_is_read_in_each_generation(build, reading, direction, shape):
    """Cause, wrappers, both ends, reporter and original message are the same in each generation of the report."""
    result = reading(build[direction](**shape))
    seen = result.findings[0].observation
    sending, receiving = TWO_ENDS[direction]
    assert (result.kind, seen.source, seen.action, seen.impact) == ("bounce", "ndr", "failed", "returned")
    assert (seen.reply_code, seen.status, seen.diagnostic.rstrip(".")) == (421, "4.4.2", DROPPED)
    assert (seen.sending_host, seen.receiving_host, seen.reported_by) == (sending, receiving, sending)
    assert seen.tls.error == "SocketError"
    assert seen.original.message_id == "offer-4711@contoso.example"
    assert seen.recipient == build[direction](**shape).recipients[0]


@pytest.mark.parametrize("direction", TWO_ENDS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_dropped_session_names_the_side_that_must_be_mended(build, finding, direction, shape):
    """Our old server that sends, the partner's server that Exchange Online reaches, nobody yet between two of ours."""
    verdict = finding(build[direction](**shape)).diagnosis
    blamed = verdict.responsible
    found = (verdict.category, blamed.side, blamed.host, blamed.ours, verdict.actor, verdict.runbook)
    assert found == FOUND[direction]
    assert verdict.confidence in ("possible", "probable")


@pytest.mark.parametrize("direction", TWO_ENDS)
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_way_in_which_a_report_came_changes_nothing(build, finding, direction, form, shape):
    """Plain, HTML, attached at any depth or pasted, the report has the same cause, ends, message and verdict."""
    direct, other = finding(build[direction](**shape)), finding(form(build[direction](**shape)))
    seen, same = other.observation, direct.observation
    assert (seen.reply_code, seen.status, seen.diagnostic.rstrip(".")) == (421, "4.4.2", DROPPED)
    assert (seen.sending_host, seen.receiving_host, seen.receiving_ip) == (*TWO_ENDS[direction], same.receiving_ip)
    assert (seen.recipient, seen.original.message_id) == (same.recipient, "offer-4711@contoso.example")
    assert seen.software == same.software
    verdict = other.diagnosis
    assert (verdict.category, verdict.confidence) == (direct.diagnosis.category, direct.diagnosis.confidence)
    assert verdict.responsible == direct.diagnosis.responsible


def test_a_gateway_that_re_encodes_the_report_loses_nothing(build, finding):
    """As multipart/mixed, without the report type, the same parts say the same."""
    text = build["to-cloud"]().text().replace("multipart/report; report-type=delivery-status", "multipart/mixed")
    assert finding(text.encode()).observation == finding(build["to-cloud"]()).observation


@pytest.mark.parametrize("name", ["contoso.mail.onmicrosoft.com", "contoso-example.m-v1.mx.microsoft", CLOUD])
def test_every_name_of_the_pool_is_exchange_online(build, finding, name):
    """The next hop of a tenant, a new domain and a mailbox server's name are Exchange Online like the others."""
    verdict = finding(build["to-cloud"](receiving=name)).diagnosis
    assert (verdict.category, verdict.responsible.side) == ("tls-version", "sending")


def test_the_submission_service_is_another_service(build, finding):
    """smtp.office365.com is no mail-flow host: the generic text is not a TLS version fault by its name."""
    assert (
        finding(build["to-cloud"](receiving="smtp.office365.com", build=None)).diagnosis.category
        == "connection-dropped"
    )


def test_a_connector_name_is_no_host(build, finding):
    """An Edge subscription's name in place of the receiving server gives its address alone, and no host is invented."""
    seen = finding(build["to-cloud"](receiving="edgesync - default-first-site-name to internet")).observation
    assert (seen.receiving_host, seen.receiving_ip) == (None, "203.0.113.25")


@pytest.mark.parametrize("language", ["de", "fr", "it", "ru", "ja", "es", "pt", "sk", "cs"])
@pytest.mark.parametrize(
    "form", ["as sent", "HTML only", "inline, wrapped and quoted", "inline, HTML only, smart quotes"]
)
@pytest.mark.parametrize("direction", ["to-cloud", "from-cloud"])
def test_a_localized_report_says_the_same(build, finding, direction, form, language):
    """In nine languages, as sent or pasted, the report has the cause, both ends and the recipient."""
    seen = finding(FORMS[form](build[direction](language=language))).observation
    assert (seen.reply_code, seen.status, seen.diagnostic.rstrip(".")) == (421, "4.4.2", DROPPED)
    assert (seen.sending_host, seen.receiving_host) == TWO_ENDS[direction]
    assert (seen.recipient, seen.original.message_id) == ("anna.berg@fabrikam.example", "offer-4711@contoso.example")


@pytest.mark.parametrize("language", ["de", "fr", "it", "ru", "ja", "es", "pt", "sk", "cs"])
def test_the_time_of_a_localized_report_is_read_by_its_own_date(build, finding, language):
    """Day and month of a line's time come out right in each language's order."""
    seen = finding(build["from-cloud"](language=language)).observation
    assert seen.time is not None
    assert seen.time.startswith("2026-10-20T09:0")


def test_the_wrappers_stand_outermost_first(build, finding):
    """The expiry, then the reply about the target's address, stand around the cause; Status is not repeated."""
    seen = finding(build["to-cloud"]()).observation
    assert [(one.reply_code, one.status) for one in seen.wrappers] == [(550, "4.4.7"), (451, "4.4.0")]
    newer = finding(
        build["to-cloud"](
            generating="hq-ex16a.contoso.example",
            build="15.1.1034.26",
            status="5.4.300",
            notice=f"550 5.4.300 Message expired -> 451 4.4.397 Error communicating with target host. -> {DROPPED}",
            cause=f"451 4.4.397 Error communicating with target host. -> {DROPPED}",
        )
    ).observation
    assert [one.status for one in newer.wrappers] == ["5.4.300", "4.4.397"]


@pytest.mark.parametrize("direction", ["to-cloud", "from-cloud"])
def test_a_delay_waits_and_is_judged_as_the_bounce_is(build, reading, direction):
    """A delay report of the same cause is a delay whose mail waits, with the same verdict as the bounce."""
    facts = {"action": "delayed", "notice": "400 4.4.7 Message delayed", "status": "4.4.7", "cause": DROPPED}
    result = reading(build[direction](**facts))
    seen, verdict = result.findings[0].observation, result.findings[0].diagnosis
    assert (result.kind, seen.action, seen.impact) == ("delay", "delayed", "waiting")
    assert (seen.status, seen.sending_host, seen.receiving_host) == ("4.4.2", *TWO_ENDS[direction])
    assert (verdict.category, verdict.responsible.side, verdict.permanence) == (
        "tls-version",
        FOUND[direction][1],
        "temporary",
    )


def test_a_pasted_delay_is_still_a_delay(build, reading):
    """Without its machine part, the words of the newest line say that the mail waits."""
    facts = {"action": "delayed", "notice": "400 4.4.7 Message delayed", "cause": DROPPED}
    result = reading(build["to-cloud"](**facts).inline(width=72, quote="> "))
    assert (result.kind, result.findings[0].observation.impact) == ("delay", "waiting")


@pytest.mark.parametrize("direction", ["to-cloud", "from-cloud"])
@pytest.mark.parametrize("form", ["as sent", "attached", "inline, wrapped and quoted", "inline, HTML only"])
def test_each_recipient_is_one_observation(build, reading, direction, form):
    """A report on three recipients says of each what the cause and the ends are."""
    people = ("anna@fabrikam.example", "bo@fabrikam.example", "Cecilia.Dahl@fabrikam.example")
    result = reading(FORMS[form](build[direction](recipients=people)))
    seen = [one.observation for one in result.findings if one.observation.source == "ndr"]
    assert tuple(one.recipient for one in seen) == people
    assert {(one.status, one.receiving_host) for one in seen} == {("4.4.2", TWO_ENDS[direction][1])}


def test_all_ways_of_one_bounce_are_one_affected_message(build, told):
    """Direct, attached and pasted reports of one message are one incident with one message returned."""
    incident, _ = told(*(form(build["to-cloud"]()) for form in FORMS.values()))
    assert (incident.counts.returned, incident.recipients) == (1, 1)
    assert (incident.ends.sending, incident.ends.receiving) == ("hq-ex13a.contoso.example", "exchange-online")


# The fourth row as a report: one end demands TLS.

DEMANDS = {
    "must issue": "451 5.7.3 Must issue a STARTTLS command first",
    "must issue, 530": "530 5.7.0 Must issue a STARTTLS command first",
    "is required": "451 5.7.3 STARTTLS is required to send mail",
}


def demand(build, direction, text, generation="classic"):
    """Give the report of a demand for TLS in the wrappers that each direction has."""
    if direction == "from-cloud":
        cause = (
            f"450 4.4.317 Cannot connect to remote server [Message={text}] [LastAttemptedServerName=mail.fabrikam.example]"
            f" [LastAttemptedIP=198.51.100.7:25] [AM5EUR02FT041.eop-eur02.prod.protection.outlook.com]({text})"
        )
        notice = f"550 5.4.317 Message expired, cannot connect to remote server({text})"
        if generation == "table":
            notice = "550 5.4.317 Message expired, cannot connect to remote server"
        return build[direction](notice=notice, cause=cause, status="5.4.317", generation=generation)
    if generation in ("2007", "2010"):
        return build[direction](cause=text, generation=generation)
    cause = f'451 4.4.0 Primary target IP address responded with: "{text}." Attempted failover to alternate host.'
    return build[direction](cause=cause, generation=generation)


@pytest.mark.parametrize("direction", TWO_ENDS)
@pytest.mark.parametrize("text", DEMANDS.values(), ids=DEMANDS)
@pytest.mark.parametrize("generation", ["2010", "classic", "table"])
def test_the_demand_for_tls_is_read_and_named(build, finding, direction, text, generation):
    """The demand stands in the machine part of no report, and is the cause all the same: tls-required."""
    if direction == "from-cloud" and generation == "2010":
        generation = "classic"  # Exchange Online writes the two newer forms only
    found = finding(demand(build, direction, text, generation))
    seen, verdict = found.observation, found.diagnosis
    code, status, _ = text.split(" ", 2)
    assert (seen.reply_code, seen.status, seen.diagnostic.rstrip(".")) == (int(code), status, text)
    assert (seen.sending_host, seen.receiving_host) == TWO_ENDS[direction]
    assert (verdict.category, verdict.runbook, verdict.family) == ("tls-required", "tls-required", "session")


@pytest.mark.parametrize("direction", ["to-cloud", "between"])
def test_a_demand_of_the_receiver_blames_the_sender(build, finding, direction):
    """ "Must issue" in a report of ours: the server that sent in clear text is to be mended, whoever demanded."""
    verdict = finding(demand(build, direction, DEMANDS["must issue"])).diagnosis
    assert (verdict.responsible.side, verdict.responsible.ours, verdict.actor) == ("sending", True, "mail-team")


def test_exchange_online_that_cannot_start_tls_blames_the_receiver(build, finding):
    """Exchange Online always uses TLS where it is offered: a server that demands it and gets none did not offer it."""
    blamed = finding(demand(build, "from-cloud", DEMANDS["must issue"])).diagnosis.responsible
    assert (blamed.side, blamed.host) == ("receiving", "mail.fabrikam.example")


def test_a_receiver_without_starttls_is_to_be_mended(build, finding):
    """ "STARTTLS is required to send mail" is the sender's own verdict: the other end does not offer it."""
    found = finding(demand(build, "from-cloud", DEMANDS["is required"]))
    blamed = found.diagnosis.responsible
    assert (blamed.side, blamed.host, blamed.ours) == ("receiving", "mail.fabrikam.example", False)
    assert found.diagnosis.actor == "partner-postmaster"
    assert found.observation.wrappers[0].status == "5.4.317"


def test_exchange_online_is_not_asked_to_switch_starttls_on(build, finding):
    """Exchange Online always offers STARTTLS: where our server sees none, our side or the path takes it away."""
    verdict = finding(demand(build, "to-cloud", DEMANDS["is required"])).diagnosis
    assert verdict.responsible.host != TENANT
    assert verdict.actor in ("mail-team", "network-team")


def test_last_attempted_server_gives_the_ends_where_no_line_does(build, finding):
    """The name and address in the brackets of 4.4.317 are the receiving end of a report without such a line."""
    report = demand(build, "from-cloud", DEMANDS["is required"])
    report.notice, report.cause = report.notice.partition("(")[0] + "(" + report.cause + ")", None
    seen = finding(report).observation
    assert (seen.receiving_host, seen.receiving_ip) == ("mail.fabrikam.example", "198.51.100.7")


def test_nothing_is_invented_where_the_report_names_no_receiver(build, finding):
    """A table without the remote server names none: the recipient's domain is no host."""
    found = finding(build["from-cloud"](generation="table", receiving=None))
    assert found.observation.receiving_host is None
    assert found.observation.recipient_domain == "fabrikam.example"
    assert (found.diagnosis.responsible.host, found.diagnosis.confidence) == (None, "possible")


def test_settings_alone_say_what_is_ours(build, finding):
    """Without settings nobody's server is called ours; with the partner's domain as ours the mail team acts."""
    nobody = finding(build["from-cloud"](), ours=()).diagnosis
    assert nobody.responsible.ours is None
    mine = finding(build["from-cloud"](), ours=("fabrikam.example",)).diagnosis
    assert (mine.responsible.host, mine.responsible.ours, mine.actor) == ("mail.fabrikam.example", True, "mail-team")
