"""What the other server says that it is picks the steps for it, and decides nothing."""

from functools import partial
from typing import Any

import msgspec
import pytest

from tests.decode.protocol_log.conftest import log_of, received_rows, session_rows
from tests.decode.protocol_log.test_outcomes import OFFERED, RECEIVED, STARTTLS
from triage.decode.protocol_log import read_protocol_log
from triage.diagnose import Rulebook, diagnose, judge
from triage.group import MemoryDocuments, commit, incidents
from triage.hosts import Hosts
from triage.mend.host import read
from triage.model import Finding, Incident, Observation, Place, Product, Reading, Software

HOSTS = Hosts(domains=["contoso.example"])
FAILED = ("*,,TLS negotiation failed with error SocketError", "-,,Remote")
PEER = "203.0.113.20"
EXCHANGE = "Microsoft ESMTP MAIL Service ready"


def session(greeting: str, **given: Any) -> list[str]:
    """Give the rows of a session whose handshake failed, with a server that greets so."""
    quoted = f'"{greeting}"' if "," in greeting else greeting
    steps = ("*,,attempting to connect", "+,,", f"<,{quoted},", *OFFERED, *STARTTLS, *FAILED)
    return session_rows(steps, remote=f"{PEER}:25", **given)


def seen(*sessions: list[str], side: str = "send") -> tuple[Observation, ...]:
    """Give what a log of these sessions says."""
    log = log_of(*(row for rows in sessions for row in rows), side=side)
    return read_protocol_log([log], HOSTS).observations


@pytest.mark.parametrize(
    ("greeting", "product"),
    [
        ("220 mail.fabrikam.example ESMTP Postfix", "Postfix"),
        ("220 mail.fabrikam.example ESMTP Postfix (Debian/GNU)", "Postfix"),
        ("220-mail.fabrikam.example ESMTP Exim 4.97.1 #2 Sun, 18 Oct 2026 09:14:03 +0000", "Exim"),
        ("220 mail.fabrikam.example ESMTP Sendmail 8.17.1/8.17.1; Sun, 18 Oct 2026 09:14:03 GMT", "sendmail"),
        (f"220 HQ-EX10A.fabrikam.example {EXCHANGE} at Sun, 18 Oct 2026 09:14:03 +0000", "Exchange"),
        (f"220 mail.fabrikam.example {EXCHANGE}", "Exchange"),
        ("220 mail.fabrikam.example Microsoft ESMTP MAIL Service, Version: 10.0.17763.1697 ready at Sun", None),
        ("220 mail.fabrikam.example ESMTP", None),
        ("220 mail.fabrikam.example ESMTP Welcome, we are not Postfix", None),
        ("220 postfix.fabrikam.example ESMTP ready", None),
        ("220 mail.fabrikam.example ESMTP Postfixed", None),
        ("220 ****************************************************", None),
        (f"220 am6eur05ft012.mail.protection.outlook.com {EXCHANGE} at Sun, 18 Oct 2026 09:14:03 +0000", None),
    ],
)
def test_a_greeting_names_the_software_of_the_far_server(greeting: str, product: str | None) -> None:
    """The default greetings of four servers, and no other word; of a pool its name says more than any greeting."""
    (one,) = seen(session(greeting))
    assert one.software.receiving == (Product(product=product) if product else None)
    assert (one.tls.error, one.tls.phase, one.receiving_ip) == ("SocketError", "handshake", PEER)


def test_a_receive_log_knows_its_own_server_and_nothing_of_its_clients() -> None:
    """Clients do not greet, and our own server is known by the log's header: our greeting may be set to anything."""
    rows = received_rows([*RECEIVED, "<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", *FAILED])
    (one,) = seen([row.replace(EXCHANGE, "ESMTP Postfix") for row in rows], side="receive")
    assert one.software == Software()


def test_sessions_of_one_peer_that_greet_in_two_ways_are_told_apart() -> None:
    """Two servers behind one address are two claims; sessions with the same are one observation."""
    postfix, exim = "220 mail.fabrikam.example ESMTP Postfix", "220 mail.fabrikam.example ESMTP Exim 4.97"
    found = seen(session(postfix), session(postfix, key="08D9B", at=5), session(exim, key="08D9C", at=9))
    told = sorted((str(one.software.receiving and one.software.receiving.product), one.count) for one in found)
    assert told == [("Exim", 1), ("Postfix", 2)]


def reading(number: int, *found: Observation) -> Reading:
    """Give a reading of what a log says, diagnosed by the shipped rules."""
    diagnosed = tuple(Finding(one, diagnose(one, Rulebook.load(), HOSTS)) for one in found)
    return Reading(source=Place("x"), sha256=f"{number:02x}" * 32, kind="protocol-log", findings=diagnosed)


def made(*readings: Reading) -> list[Incident]:
    """Give the incidents that these readings make."""
    documents = MemoryDocuments()
    commit(documents, readings, partial(judge, rulebook=Rulebook.load(), hosts=HOSTS), HOSTS, "2026-10-20T12:00:00Z")
    return list(incidents(documents))


def verdict_and_gates(*readings: Reading) -> tuple[object, frozenset[str], int]:
    """Give the verdict of the one incident that these make, the gates of its host, and how many sessions it counts."""
    (incident,) = made(*readings)
    blamed = msgspec.structs.replace(incident.verdict.responsible, side="receiving", host="mail.fabrikam.example")
    far = msgspec.structs.replace(incident, verdict=msgspec.structs.replace(incident.verdict, responsible=blamed))
    return incident.verdict, read(far, HOSTS).gates, incident.counts.sessions


@pytest.mark.parametrize(
    ("greeting", "gates"),
    [
        ("ESMTP Postfix", {"postfix", "not-windows"}),
        ("ESMTP Exim 4.97", {"exim", "not-windows"}),
        (f"{EXCHANGE} at Sun", {"exchange", "windows", "exchange-version-unknown"}),
        ("ESMTP", {"unknown-system"}),
    ],
)
def test_the_steps_follow_the_greeting_and_the_verdict_does_not(greeting: str, gates: set[str]) -> None:
    """Whatever a server says of itself, cause, confidence and blame are the same; the steps for it are its product's."""
    plain = verdict_and_gates(reading(1, *seen(session("220 mail.fabrikam.example ESMTP"))))
    told = verdict_and_gates(reading(1, *seen(session(f"220 mail.fabrikam.example {greeting}"))))
    assert told[0] == plain[0]
    systems = {"postfix", "exim", "not-windows", "exchange", "windows", "exchange-version-unknown", "unknown-system"}
    assert told[1] & systems == gates


def test_what_a_log_knows_serves_a_bounce_of_the_same_hop() -> None:
    """Where a sample names no software, what another report names is known; two that differ name none."""
    (logged,) = seen(session("220 mail.fabrikam.example ESMTP Postfix"))
    (other,) = seen(session("220 mail.fabrikam.example ESMTP Exim 4.97", key="08D9C"))
    bounce = msgspec.structs.replace(logged, source="ndr", impact="returned", software=Software(), count=1, sessions=())
    assert "unknown-system" in verdict_and_gates(reading(1, bounce))[1]
    assert "postfix" in verdict_and_gates(reading(1, bounce), reading(2, logged))[1]
    sample = next(iter(made(reading(1, bounce), reading(2, logged), reading(3, other)))).sample
    assert sample is not None
    assert (sample.source, sample.software.receiving) == ("ndr", None)


def test_a_session_that_is_cut_before_its_greeting_is_counted_once() -> None:
    """A whole log and a copy that begins after the greeting show the same session: one, whatever the copy lacks."""
    rows = session("220 mail.fabrikam.example ESMTP Postfix")
    whole = read_protocol_log([log_of(*rows)], HOSTS)
    copy = read_protocol_log([log_of(*rows[3:])], HOSTS)
    assert whole.members == copy.members
    assert [one.software.receiving for one in copy.observations] == [None]
