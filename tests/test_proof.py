"""A probe closes the incident whose receiving fault it proves mended, and nothing else."""

import json
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.probe.conftest import NAME, authority, limited, serve, speaks
from tests.seed.conftest import NOW, from_cloud, item, parts_for, to_cloud
from triage.errors import BadInput
from triage.group import SqliteDocuments, find_incident, incidents
from triage.pipeline import take_in
from triage.probe import Address, Probed, Version
from triage.proof import ask, close, proves, targets

__all__ = ["authority", "limited", "serve"]
HERE = Path(__file__).parent.parent


@pytest.fixture
def opened(tmp_path):
    """Give what takes reports in and gives the store, its one incident and the hosts."""
    stores = []

    def give(*contents, ours=("contoso.example",)):
        parts = parts_for(ours=ours)
        documents = SqliteDocuments(tmp_path / "store.sqlite")
        stores.append(documents)
        list(take_in([item(bytes(one)) for one in contents], documents, parts, NOW))
        [incident] = incidents(documents)
        return documents, incident, parts.hosts

    yield give
    for store in stores:
        store.close()


def no_starttls(host=NAME, ip="127.0.0.1"):
    """Give Exchange Online's report that a server of ours offers no STARTTLS."""
    cause = "451 5.7.3 STARTTLS is required to send mail"
    return from_cloud(
        receiving=host,
        receiving_ip=ip,
        recipients=("eva@contoso.example",),
        cause=cause,
        notice=f"550 5.4.317 Message expired, cannot connect to remote server({cause})",
    )


def answered(ip, answer):
    """Give what an address would answer to TLS 1.2."""
    return Probed(
        address=Address(ip), outcome="answered", starttls=True, versions=(Version(version="1.2", answer=answer),)
    )


def test_a_passing_probe_of_every_address_resolves_the_incident(opened, serve, limited):
    """The incident shows the failures before, and what the probe saw."""
    documents, incident, hosts = opened(no_starttls())
    port = serve(speaks(limited(ssl.TLSVersion.TLSv1_2)))
    results = ask(targets(incident, f"{NAME}:{port}", documents, hosts), 5, None)
    assert proves(incident, results)
    closed = close(documents, incident, results, NOW)
    assert closed.state == "resolved"
    assert "127.0.0.1 takes TLS 1.2" in closed.changes[-1].text
    assert closed.counts.returned == 1


def test_a_server_that_still_fails_keeps_it_open(opened, serve):
    """No STARTTLS, no proof."""
    documents, incident, hosts = opened(no_starttls())
    port = serve(speaks(None))
    assert not proves(incident, ask(targets(incident, f"{NAME}:{port}", documents, hosts), 5, None))


@pytest.mark.parametrize(("second", "proved"), [("accepted", True), ("refused", False), ("no-answer", False)])
def test_every_address_has_to_pass(opened, second, proved):
    """One of two that refuses, or does not answer, proves nothing."""
    _, incident, _ = opened(no_starttls())
    assert proves(incident, [answered("192.0.2.1", "accepted"), answered("192.0.2.2", second)]) is proved


def test_a_sending_fault_is_not_proved_by_a_probe(opened):
    """How a server sends, no probe can see."""
    documents, incident, hosts = opened(to_cloud(build="14.3.123.4"))
    with pytest.raises(BadInput, match="no fault of one receiving host"):
        targets(incident, None, documents, hosts)
    assert not proves(incident, [answered("192.0.2.1", "accepted")])


def test_a_host_that_only_a_message_named_is_not_probed_unasked(opened):
    """A forged bounce must not make us knock at a stranger's door; named by a person, it is probed."""
    documents, incident, hosts = opened(no_starttls("mail.fabrikam.example", "127.0.0.1"), ours=())
    with pytest.raises(BadInput, match="Only a message named"):
        targets(incident, None, documents, hosts)
    named = targets(incident, "mail.fabrikam.example:2525", documents, hosts)
    assert Address("127.0.0.1", 2525, "mail.fabrikam.example") in named


def test_another_host_than_the_incidents_is_refused(opened):
    """A well server proves nothing about a sick one."""
    documents, incident, hosts = opened(no_starttls())
    with pytest.raises(BadInput, match="is about"):
        targets(incident, "mail.fabrikam.example", documents, hosts)


def test_the_command_asks_closes_and_tells(opened, serve, limited, tmp_path):
    """As a person runs it: a table or JSON, the incident closed, exit code 0."""
    documents, incident, _ = opened(no_starttls())
    port = serve(speaks(limited(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)))
    command = ["probe", f"{NAME}:{port}", "--for", incident.id[:4], "--store", str(tmp_path / "store.sqlite"), "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "triage", *command], capture_output=True, text=True, cwd=HERE, check=False
    )
    assert done.returncode == 0, done.stderr
    [told] = json.loads(done.stdout)
    answers = {one["version"]: one["answer"] for one in told["versions"]}
    assert (answers["1.2"], answers["1.3"]) == ("accepted", "accepted")
    assert "is resolved" in done.stderr
    assert find_incident(documents, incident.id).state == "resolved"
