"""The rows of the support case that are seen on the server: queue, Send log, Receive log; and all sources together."""

import html
import itertools
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import pytest

from tests.seed.conftest import CLOUD, DROPPED, NOW, TENANT, item, parts_for
from tests.seed.test_tickets import CARRIES
from triage.group import SqliteDocuments, incidents
from triage.pipeline import take_in, tell

FIELDS = "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context"
NESTED = f'451 4.4.0 Primary target IP address responded with: "{DROPPED}." Attempted failover to alternate host, but that did not succeed. Either there are no alternate hosts, or delivery failed to all alternate hosts.'  # noqa: E501
FAILED = "*,,TLS negotiation failed with error SocketError"
DEMANDED = "451 5.7.3 Must issue a STARTTLS command first"
SPOKE = (
    '*,,"TLS protocol SP_PROT_TLS1_2_CLIENT negotiation succeeded using bulk encryption algorithm CALG_AES_256 with '
    "strength 256 bits, MAC hash algorithm CALG_SHA_384 with strength 0 bits and key exchange algorithm "
    'CALG_ECDH_EPHEM with strength 384 bits"'
)
POD = "mail-am6eur05on2040.outbound.protection.outlook.com"


def queue(last_error=NESTED, depth=143, server="HQ-EX13A", domain=TENANT, status="Retry") -> bytes:
    """Give one queue as Get-Queue | Format-List shows it."""
    return (
        f"Identity         : {server}\\3\r\nDeliveryType     : SmartHostConnectorDelivery\r\n"
        f"NextHopDomain    : {domain}\r\nStatus           : {status}\r\nMessageCount     : {depth}\r\n"
        f"LastError        : {last_error}\r\nNextRetryTime    : 10/20/2026 9:24:11 AM\r\n"
    ).encode()


def log(side: str, sessions: Iterable[Sequence[str]], start="2026-10-20T09:04:00", **ends: str) -> bytes:
    """Give a protocol log with one session a minute; each step is `event,data,context`."""
    local = ends.get("local", "192.0.2.10:16501" if side == "Send" else "192.0.2.10:25")
    remote = ends.get("remote", "203.0.113.25:25" if side == "Send" else "203.0.113.60:40211")
    connector = ends.get("connector", "Outbound to Office 365" if side == "Send" else r"HQ-EX13A\Default HQ-EX13A")
    rows = [
        "#Software: Microsoft Exchange Server",
        "#Version: 15.0.0.0",
        f"#Log-type: SMTP {side} Protocol Log",
        f"#Date: {start}.000Z",
        f"#Fields: {FIELDS}",
    ]
    for number, steps in enumerate(sessions):
        begun = datetime.fromisoformat(start) + timedelta(minutes=number)
        for sequence, step in enumerate(steps):
            time = (begun + timedelta(milliseconds=100 * sequence)).isoformat(timespec="milliseconds")
            rows.append(f"{time}Z,{connector},08D92C6B{number:08X},{sequence},{local},{remote},{step}")
    return ("\r\n".join(rows) + "\r\n").encode()


def sending(*then: str, ehlo: str = "hq-ex13a.contoso.example", offers: bool = True) -> list[str]:
    """Give the steps of a session of a Send log up to EHLO, and what follows."""
    more = ["<,250-STARTTLS,"] if offers else []
    head = ["+,,", f"<,220 {TENANT} Microsoft ESMTP MAIL Service ready,", f">,EHLO {ehlo},", f"<,250-{TENANT} Hello,"]
    return [*head, *more, "<,250 CHUNKING,", *then]


def receiving(*then: str, offers: bool = True) -> list[str]:
    """Give the steps of a session of a Receive log up to EHLO, and what follows."""
    name = "hq-ex13a.contoso.example"
    more = [">,250-STARTTLS,"] if offers else []
    head = ["+,,", f">,220 {name} Microsoft ESMTP MAIL Service ready,", f"<,EHLO {POD},", f">,250-{name} Hello,"]
    return [*head, *more, ">,250 CHUNKING,", *then]


BROKEN = sending(">,STARTTLS,", "<,220 2.0.0 SMTP server ready,", FAILED, "-,,Remote")
MAIL = (
    ">,MAIL FROM:<karl.holm@contoso.example>,", "<,250 2.1.0 Sender OK,",
    ">,RCPT TO:<jo@fabrikam.example>,", "<,250 2.1.5 Recipient OK,",
)  # fmt: skip
TLS12 = (">,STARTTLS,", "<,220 2.0.0 SMTP server ready,", SPOKE, ">,EHLO hq-ex13a.contoso.example,", "<,250 SIZE,")
HANDED = sending(*TLS12, *MAIL, ">,BDAT 99 LAST,", "<,250 2.6.0 Queued mail,", ">,QUIT,", "-,,Local")
CUT_OFF = sending(*TLS12, *MAIL, ">,DATA,", "<,354 Start mail input,", "-,,Remote(SocketError)")
CLEAR = sending(*MAIL, ">,BDAT 99 LAST,", "<,250 2.6.0 Queued mail,", ">,QUIT,", "-,,Local", offers=False)
MIRRORED = receiving("<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", FAILED, "-,,Remote")
RECEIVED = (
    "<,MAIL FROM:<jo@fabrikam.example>,", ">,250 2.1.0 Sender OK,", "<,RCPT TO:<eva@contoso.example>,",
    ">,250 2.1.5 Recipient OK,", "<,BDAT 9 LAST,", ">,250 2.6.0 Queued mail,", "<,QUIT,", "-,,Local",
)  # fmt: skip
REFUSED = sending(">,MAIL FROM:<karl.holm@contoso.example>,", f"<,{DEMANDED},", ">,QUIT,", "-,,Local", offers=False)
REFUSING = receiving("<,MAIL FROM:<jo@fabrikam.example>,", f">,{DEMANDED},", "<,QUIT,", "-,,Local")


@pytest.fixture
def all_told(tmp_path):
    """Give what takes in documents, in their order and one by one, and gives each incident with its files."""

    def give(*contents, **settings):
        parts = parts_for(**settings)
        with SqliteDocuments(tmp_path / "store.sqlite") as documents:
            for content in contents:
                list(take_in([item(bytes(content))], documents, parts, NOW))
            return [(one, _texts(tell(one, documents, parts, NOW))) for one in incidents(documents)]

    return give


def _texts(files):
    return {name: html.unescape(content.decode("utf-8", "replace")) for name, content in files.items()}


SEEN = {
    # row: content, category, confidence, side of the host at fault, its name
    "2, bare as 2010 writes it": (queue(DROPPED), "tls-version", "possible", "sending"),
    "2, nested": (queue(), "tls-version", "possible", "sending"),
    "2, LRT first": (
        queue(f"[{{LRT=10/20/2026 9:14:11 AM}};{{LED={NESTED}}};{{FQDN={TENANT}}};{{IP=203.0.113.25}}]"),
        "tls-version",
        "possible",
        "sending",
    ),
    "2, LED first": (
        queue(
            f"[{{LED=451 4.4.397 Error communicating with target host. -> {DROPPED}}};{{MSG=}};"
            f"{{FQDN={TENANT}}};{{IP=203.0.113.25}};{{LRT=10/20/2026 9:14:11 AM}}]"
        ),
        "tls-version",
        "possible",
        "sending",
    ),
    "3, Send log": (log("Send", [BROKEN] * 3), "tls-version", "probable", "sending"),
    "3, mirrored in a Receive log": (log("Receive", [MIRRORED] * 3), "tls-version", "probable", "receiving"),
    "4, Send log": (log("Send", [REFUSED]), "tls-required", None, "sending"),
    "4, Receive log, Exchange Online in clear text": (log("Receive", [REFUSING]), "tls-required", None, "receiving"),
    "4, Receive log, a partner in clear text": (
        log("Receive", [[step.replace(POD, "mail.fabrikam.example") for step in REFUSING]]),
        "tls-required",
        None,
        "sending",
    ),
}


@pytest.mark.parametrize("row", SEEN)
def test_each_row_seen_on_the_server_becomes_a_filled_in_ticket(all_told, row):
    """Queue and logs lead to one incident with the host, the cause and how sure, and a ticket that carries the steps."""
    content, category, confidence, side = SEEN[row]
    [(incident, files)] = all_told(content)
    verdict = incident.verdict
    assert verdict.category == category
    assert confidence in (None, verdict.confidence)
    assert verdict.responsible.side == side
    for name in ("ticket.md", "ticket.html"):
        assert [what for what, wanted in CARRIES.items() if wanted not in files[name]] == []


@pytest.mark.parametrize("row", [row for row in SEEN if row.startswith("2")])
def test_a_queue_names_its_server_and_counts_its_depth(all_told, row):
    """The server of the queue's identity is ours, its mail waits, and nobody has to guess who acts."""
    [(incident, _)] = all_told(SEEN[row][0])
    responsible = incident.verdict.responsible
    assert (responsible.host, responsible.ours, incident.verdict.actor) == ("hq-ex13a", True, "mail-team")
    assert (incident.counts.waiting, incident.counts.returned) == (143, 0)


def test_a_receive_log_names_the_machine(all_told):
    """The connector's id and the banner together give the full name of the log's own server."""
    [(incident, _)] = all_told(SEEN["3, mirrored in a Receive log"][0])
    assert incident.ends.receiving == "hq-ex13a.contoso.example"
    assert incident.verdict.responsible.host == "hq-ex13a.contoso.example"
    assert incident.counts.sessions == 3


def test_a_name_that_only_ehlo_gives_names_no_machine(all_told):
    """Servers may share it: the incident stands under the address, and the ticket shows the name as what it is."""
    [(incident, files)] = all_told(SEEN["3, Send log"][0])
    assert incident.ends.sending == "192.0.2.10"
    assert incident.verdict.responsible.host == "192.0.2.10"
    assert "hq-ex13a.contoso.example" in files["ticket.md"]


def test_a_queue_with_no_error_is_no_incident(all_told):
    """Mail that waits for its turn without an error tells of no fault."""
    assert all_told(queue(last_error="", status="Ready")) == []


def reports(build):
    """Give one server's trouble as four sources tell it."""
    old = {"build": "15.0.847.32", "message_id": "m1@contoso.example"}
    return {
        "delay": build["to-cloud"](action="delayed", notice="400 4.4.7 Message delayed", cause=NESTED, **old),
        "NDR": build["to-cloud"](**old),
        "queue": queue(),
        "Send log": log("Send", [BROKEN] * 57),
    }


@pytest.mark.parametrize("order", list(itertools.permutations(["delay", "NDR", "queue", "Send log"]))[::3])
def test_all_sources_of_one_trouble_are_one_certain_incident(build, all_told, order):
    """Delay, NDR, queue and log of one server: one incident, one verdict, counts kept apart, whatever came first."""
    sources = reports(build)
    [(incident, files)] = all_told(*(sources[name] for name in order))
    verdict = incident.verdict
    assert (verdict.category, verdict.confidence) == ("tls-version", "certain")
    assert verdict.responsible.host == "hq-ex13a.contoso.example"
    assert incident.ends.sending == "hq-ex13a.contoso.example"
    counts = incident.counts
    assert (counts.returned, counts.waiting, counts.sessions) == (1, 143, 57)
    assert "57 of 57 sessions" in files["ticket.md"]


def test_the_incident_tells_what_moved_its_verdict(build, all_told):
    """A queue alone is possible; the build makes it probable, the log certain: each change says why and where from."""
    sources = reports(build)
    [(incident, _)] = all_told(sources["queue"], sources["NDR"], sources["Send log"])
    moved = [change.text for change in incident.changes if change.kind == "verdict-changed"]
    assert [text.split(", because")[0] for text in moved] == [
        "from tls-version (possible) to tls-version (probable)",
        "from tls-version (probable) to tls-version (certain)",
    ]
    assert "15.0.847.32" in moved[0]
    assert "told by: NDR" in moved[0]
    assert "handshake failed right after STARTTLS" in moved[1]
    assert "told by: Send log" in moved[1]


def test_successes_over_tls12_and_a_drop_after_data_are_not_tls(build, all_told):
    """The same NDR and queue with a log that shows TLS 1.2 at work: the connection is lost later, for another reason."""
    ndr = build["to-cloud"](build="15.0.1497.2")
    [(incident, files)] = all_told(ndr, queue(), log("Send", [HANDED, CUT_OFF, HANDED, CUT_OFF]))
    assert incident.verdict.category == "connection-dropped"
    told = [one.text for one in incident.verdict.evidence if one.supports]
    assert any("after the TLS handshake" in text for text in told)
    assert any("succeeded over TLS 1.2" in text for text in told)
    assert files.keys().isdisjoint({"enable-tls-1.2.reg"})


def test_failures_and_successes_at_once_are_intermittent_for_each_address(build, all_told):
    """Handshakes that fail at one address and pass at another: neither a version fault nor healed."""
    bad = log("Send", [BROKEN] * 4, remote="203.0.113.25:25")
    good = log("Send", [HANDED] * 6, remote="203.0.113.26:25", start="2026-10-20T09:05:00")
    [(incident, files)] = all_told(build["to-cloud"](build=None), bad, good)
    assert incident.state == "open"
    assert incident.verdict.category == "tls-negotiation"
    [told] = [one.text for one in incident.verdict.evidence if one.id == "intermittent"]
    assert "203.0.113.25 4 of 4" in told
    assert "203.0.113.26 0 of 6" in told
    assert told in files["ticket.md"].replace("\\", "")


def test_mail_that_went_out_in_clear_text_is_counted_and_heals_nothing(all_told):
    """After a failed handshake an opportunistic connector sends in clear text: a warning of its own, no success."""
    text = log("Send", [BROKEN, [*CLEAR]])
    text = text.replace(b"T09:05:0", b"T09:04:2")  # within seconds, as Exchange goes on
    [(incident, files)] = all_told(text)
    assert (incident.state, incident.counts.sent_unencrypted, incident.counts.sessions) == ("open", 1, 1)
    assert incident.verdict.category == "tls-version"
    assert "1 sent in clear text" in files["ticket.md"]


@pytest.mark.parametrize("error", ["NoCredentials", "UnknownCredentials", "UntrustedRoot"])
def test_a_certificate_name_in_the_log_renames_the_cause(build, all_told, error):
    """The queue's text pointed to TLS or the network; only the log tells that it is a certificate."""
    broken = [step.replace("SocketError", error) for step in BROKEN]
    [(incident, _)] = all_told(build["to-cloud"](build=None), queue(), log("Send", [broken] * 2))
    assert incident.verdict.category == "tls-certificate"


def test_a_server_that_fails_with_two_unrelated_peers_is_blamed_itself(all_told):
    """One sender, two receivers that have nothing to do with each other: the sender is at fault in both incidents."""
    partner = [step.replace(TENANT, "mx1.fabrikam.example") for step in BROKEN]
    names = log("Receive", [receiving(*RECEIVED)])
    both = all_told(names, log("Send", [BROKEN]), log("Send", [partner], remote="198.51.100.7:25"))
    assert {one.verdict.responsible.host for one, _ in both} == {"hq-ex13a.contoso.example"}
    assert {one.verdict.responsible.side for one, _ in both} == {"sending"}
    assert [one.linked for one, _ in both] == [(both[1][0].id,), (both[0][0].id,)]


def test_a_report_of_exchange_online_and_a_receive_log_are_one_incident(build, all_told):
    """The mirror direction: Exchange Online's NDR and our Receive log tell of the same server of ours."""
    ndr = build["from-cloud"](receiving="hq-ex13a.contoso.example", recipients=("eva@contoso.example",))
    [(incident, _)] = all_told(ndr, log("Receive", [MIRRORED] * 5))
    assert (incident.ends.sending, incident.ends.receiving) == ("exchange-online", "hq-ex13a.contoso.example")
    assert (incident.verdict.category, incident.verdict.responsible.side) == ("tls-version", "receiving")
    assert (incident.counts.returned, incident.counts.sessions) == (1, 5)
    assert CLOUD.endswith("outlook.com")
