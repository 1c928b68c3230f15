"""The same evidence in any order, doubled and cut into any batches, is the same incidents: over all sources together."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.group.sources import (
    ADDRESS,
    HIGH,
    LOW,
    SERVER,
    TENANT,
    built,
    delay,
    members,
    ndr,
    queue,
    reading,
    receive_log,
    send_log,
    tls_report,
)
from tests.group.test_join import NOW, facts, parts
from triage.group import SqliteDocuments, keep
from triage.model import Observation, Reading, Tls, Trust
from triage.pipeline import count, settle

SERVERS = {SERVER: ADDRESS, "hq-ex16.contoso.example": "192.0.2.16", "edge.contoso.example": "192.0.2.25"}
"""Servers of ours, each with its one address; the last two share a name in EHLO."""
EHLO = {
    SERVER: SERVER,
    "hq-ex16.contoso.example": "mail.contoso.example",
    "edge.contoso.example": "mail.contoso.example",
}
PEERS = {
    TENANT: "203.0.113.25",
    "contoso-example.mail.protection.outlook.com": "203.0.113.26",
    "mx1.fabrikam.example": "198.51.100.7",
    "mx2.fabrikam.example": "198.51.100.8",
    "mail.tailspin.example": "198.51.100.9",
}
TEXTS: dict[str, dict[str, Any]] = {
    "dropped": {},
    "expired": {"diagnostic": "550 4.4.7 QUEUE.Expired; message expired", "status": "4.4.7", "tls": Tls()},
    "demanded": {"diagnostic": "451 5.7.3 Must issue a STARTTLS command first", "status": "5.7.3", "tls": Tls()},
    "timed out": {"diagnostic": "421 4.4.1 Connection timed out", "status": "4.4.1", "tls": Tls()},
    "unknown": {"diagnostic": "550 5.1.1 User unknown", "status": "5.1.1", "tls": Tls()},
}  # fmt: skip
BUILDS = (None, "14.3.123.4", "15.0.1497.2", "15.2.1748.10")
ERRORS = ("SocketError", "InvalidToken", "NoCredentials", "UnsupportedFunction")

servers, peers = st.sampled_from(sorted(SERVERS)), st.sampled_from(sorted(PEERS))
minutes = st.integers(0, 300).map(lambda minute: f"2026-10-20T{8 + minute // 60:02}:{minute % 60:02}:00Z")


@st.composite
def bounces(draw: st.DrawFn) -> Observation:
    """A bounce or delay of one of a few messages, believed or not."""
    server, number = draw(servers), draw(st.integers(0, 4))
    changes: dict[str, Any] = {
        "reported_by": server,
        "sending_host": server,
        "receiving_host": draw(st.one_of(st.none(), peers)),
        "time": draw(st.one_of(st.none(), minutes)),
        "trust": draw(st.sampled_from([Trust(), Trust(), HIGH, LOW])),
        "software": built(draw(st.sampled_from(BUILDS))),
        **TEXTS[draw(st.sampled_from(sorted(TEXTS)))],
    }
    return ndr(number, **changes) if draw(st.booleans()) else delay(number, **changes)


@st.composite
def queues(draw: st.DrawFn) -> Observation:
    """A queue, its server by the short name."""
    server, peer = draw(servers), draw(peers)
    depth = draw(st.integers(1, 200))
    return queue(depth, server.partition(".")[0], receiving_host=peer, recipient_domain=peer, time=draw(minutes))


@st.composite
def logs(draw: st.DrawFn) -> Observation:
    """Sessions of a Send or Receive log, failed or not, the server by address or by name as well."""
    server, peer, error = draw(servers), draw(peers), draw(st.sampled_from(ERRORS))
    time = draw(minutes)
    changes: dict[str, Any] = {
        "time": time,
        "until": draw(st.sampled_from([None, time])),
        "sessions": (draw(st.text("0123456789ABCDEF", min_size=4, max_size=4)),),
    }
    outcome = draw(st.sampled_from(["failed", "handed", "clear", "dropped"]))
    if outcome == "failed":
        text = f"TLS negotiation failed with error {error}"
        changes |= {"tls": Tls(error=error, phase="handshake"), "diagnostic": text}
    elif outcome == "dropped":
        changes |= {"tls": Tls(error="SocketError", phase="data", version="1.2"), "diagnostic": "Remote(SocketError)"}
    else:
        changes |= {
            "action": "relayed",
            "diagnostic": None,
            "tls": Tls(version="1.2" if outcome == "handed" else "none"),
        }
    own = draw(st.sampled_from([None, server]))
    number = draw(st.integers(1, 30))
    if draw(st.booleans()):
        ends = {"sending_host": own, "sending_ip": SERVERS[server], "ehlo": EHLO[server]}
        return send_log(
            number, **changes, **ends, receiving_host=draw(st.sampled_from([peer, None])), receiving_ip=PEERS[peer]
        )
    ends = {"reported_by": server, "receiving_host": server, "receiving_ip": SERVERS[server]}
    return receive_log(number, **changes, **ends, sending_host=peer, sending_ip=PEERS[peer])


reports = st.builds(
    tls_report,
    st.integers(1, 1000),
    receiving_host=servers,
    reported_by=st.sampled_from(["google.com", "mail.tailspin.example"]),
)


@st.composite
def documents_of(draw: st.DrawFn) -> Reading:
    """One input document: some observations of one source; of a log's, some sessions that other copies have too."""
    source = draw(st.sampled_from([bounces(), bounces(), queues(), logs(), logs(), reports]))
    seen = draw(st.lists(source, min_size=1, max_size=3))
    packed = []
    for one in seen:
        own = one.source in ("send-log", "receive-log") and one.action == "failed"
        begin = draw(st.integers(0, 20)) if own else 0
        packed.append(members(*range(begin, begin + one.count)) if own else b"")
    return reading(*seen, packed=packed)


def outcome(
    path: Path, order: Sequence[Reading], cuts: Sequence[int], settled: Sequence[bool]
) -> list[dict[str, object]]:
    """Let readings come in batches that end at these places, settled after some of them, and give the incidents."""
    with SqliteDocuments(path) as documents:
        begin = 0
        for end, is_settled in zip([*cuts, len(order)], [*settled, True], strict=True):
            count(documents, [keep(documents, one) for one in order[begin:end]], parts(), NOW)
            if is_settled:
                settle(documents, parts(), NOW)
            begin = end
        return facts(documents)


@settings(max_examples=150, deadline=None)
@given(st.lists(documents_of(), min_size=1, max_size=14), st.randoms(use_true_random=False))
def test_all_sources_in_any_order_are_the_same_incidents(
    tmp_path_factory: pytest.TempPathFactory, given_ones: list[Reading], rng: random.Random
) -> None:
    """Bounces, delays, queues, both logs, TLS reports and late names: order, doubles and batches change nothing."""
    folder = tmp_path_factory.mktemp("order")
    whole = outcome(folder / "whole", given_ones, [], [])
    shuffled = [*given_ones, *rng.sample(given_ones, min(3, len(given_ones)))]
    rng.shuffle(shuffled)
    cuts = sorted(rng.sample(range(len(shuffled)), min(4, len(shuffled))))
    assert outcome(folder / "cut", shuffled, cuts, [rng.random() < 0.5 for _ in cuts]) == whole
