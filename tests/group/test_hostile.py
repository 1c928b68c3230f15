"""Ten thousand forged bounces about an innocent server of ours, beside the real trouble of another one."""

import msgspec
import pytest

from tests.group.sources import SERVER, TENANT, built, handed, members, ndr, queue, reading, receive_log, send_log
from tests.group.test_join import NOW, parts
from triage.group import SqliteDocuments, incidents, keep
from triage.group.names import NAMES
from triage.group.stored import load_ledger
from triage.model import Incident, Observation, Tls, Trust
from triage.model.words import rank
from triage.pipeline import count, settle

GUILTY, INNOCENT = SERVER, "hq-ex19.contoso.example"
STATED = "550 5.7.67 TLS 1.0 and 1.1 are not supported by your organization."
HANDSHAKE = "TLS negotiation failed with error SocketError"


def forged(number: int) -> Observation:
    """Give one of the bounces: an old build of the innocent server, to many peers, in four kinds of text, by many names."""
    texts: tuple[dict[str, object], ...] = (
        {},
        {"diagnostic": HANDSHAKE, "tls": Tls(error="SocketError", phase="handshake")},
        {"diagnostic": "451 5.7.3 Must issue a STARTTLS command first", "status": "5.7.3", "tls": Tls()},
        {"diagnostic": STATED, "status": "5.7.67", "tls": Tls(error="SocketError", phase="handshake")},
    )
    peer = (TENANT, f"mx.peer{number % 10}.example")[number % 3 == 0]
    return ndr(
        number,
        **texts[number % 4],
        sending_host=INNOCENT,
        sending_ip="192.0.2.10",
        reported_by=(INNOCENT, f"x{number}.contoso.example")[number % 5 == 0],
        receiving_host=peer,
        receiving_ip=f"198.51.{number // 250 % 250}.{number % 250}",
        software=built(("14.3.123.4", "8.3.83.6", "15.0.847.32")[number % 3]),
        time=f"20{20 + number % 30}-10-20T09:00:00Z",
        trust=Trust("unknown"),
    )


REAL = (
    reading(send_log(57, ehlo="mail.contoso.example"), packed=[members(*range(57))]),
    reading(
        receive_log(3, action="relayed", diagnostic=None, sending_host="pc7.contoso.example", tls=Tls(version="1.2"))
    ),
    reading(queue(), ndr(1, software=built("15.0.847.32"))),
)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str | None, str | None], Incident]:
    """Let the forged bounces come in before, between and after the real evidence; give the incidents by their ends."""
    with SqliteDocuments(tmp_path_factory.mktemp("attack") / "s") as documents:
        for number, at in enumerate(range(0, 10_000, 2_000)):
            batch = [reading(*(forged(n) for n in range(at, at + 2_000))), *REAL[number : number + 1]]
            count(documents, [keep(documents, one) for one in batch], parts(), NOW)
        settle(documents, parts(), NOW)
        names, _ = documents.get(NAMES) or (b"", "")
        assert len(names) < 200_000
        for incident in incidents(documents):
            ledger = load_ledger(documents, incident.id)
            assert ledger is not None
            assert (
                len(msgspec.msgpack.encode((ledger.tallies, ledger.around, ledger.changes, ledger.verdict))) < 1_000_000
            )
        return {(one.ends.sending, one.ends.receiving): one for one in incidents(documents)}


def test_the_innocent_is_never_certain(attacked: dict[tuple[str | None, str | None], Incident]) -> None:
    """No incident names the innocent server as certain, however many bounces say it and however they say it."""
    accused = [one for one in attacked.values() if one.verdict.responsible.host == INNOCENT]
    assert accused
    for incident in accused:
        assert incident.verdict.responsible.confidence in ("possible", "probable")
        # A text that states its cause is certain of the cause; never a handshake that only a bounce tells of.
        assert incident.verdict.confidence != "certain" or "text-states-cause" in _ids(incident)


def test_the_guilty_one_is_found_all_the_same(attacked: dict[tuple[str | None, str | None], Incident]) -> None:
    """The real trouble is one incident with its own counts, under its own name, and certain."""
    found = attacked[GUILTY, "exchange-online"]
    assert (found.counts.returned, found.counts.waiting, found.counts.sessions) == (1, 143, 57)
    assert (found.verdict.category, found.verdict.confidence) == ("tls-version", "certain")
    assert found.verdict.responsible.host == GUILTY
    assert not any(sending == "192.0.2.10" for sending, _ in attacked)


def _ids(incident: Incident) -> list[str]:
    return [one.id for one in incident.verdict.evidence if one.supports]


def test_what_the_innocent_s_own_log_shows_ends_it(documents: SqliteDocuments) -> None:
    """One hour of its Send log with TLS 1.2 overturns what bounces of that hour say."""
    claims = [ndr(n, sending_host=INNOCENT, reported_by=INNOCENT, software=built("14.3.123.4")) for n in range(300)]
    fine = handed(40, sending_host=INNOCENT, sending_ip="192.0.2.19", until="2026-10-20T09:59:00Z")
    for one in (reading(*claims), reading(fine)):
        count(documents, [keep(documents, one)], parts(), NOW)
    (incident,) = incidents(documents)
    assert incident.verdict.category != "tls-version"
    assert rank(incident.verdict.confidence) == rank("possible")
