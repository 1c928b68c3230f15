"""Which name stands for a machine, and which is only what somebody called itself."""

from typing import Any

import pytest

from tests.decode.protocol_log.conftest import OURS, log_of, received_rows, session_rows
from tests.decode.protocol_log.test_outcomes import CONNECTED, OFFERED, RECEIVED, STARTTLS
from triage.decode.protocol_log import read_protocol_log
from triage.hosts import Hosts

FAILED = ("*,,TLS negotiation failed with error SocketError", "-,,Remote")
SENT = [*CONNECTED, *OFFERED, *STARTTLS, *FAILED]


def sent(ehlo: str = "mail.contoso.example", **given) -> list[str]:
    """Give a Send session whose handshake fails, with this EHLO name."""
    return session_rows([one.replace("EHLO mail.contoso.example", f"EHLO {ehlo}") for one in SENT], **given)


@pytest.mark.parametrize(
    ("hosts", "ehlo", "expected"),
    [
        (Hosts(), "hq-ex10a.contoso.example", None),
        (Hosts(domains=["contoso.example"]), "mail.contoso.example", None),
        (Hosts(hosts=["hq-ex10a.contoso.example"]), "hq-ex10a.contoso.example", "hq-ex10a.contoso.example"),
        (Hosts(hosts=["hq-ex10a.contoso.example"]), "HQ-EX10A", "hq-ex10a.contoso.example"),
        (Hosts(hosts=["hq-ex10a.contoso.example"]), "mail.contoso.example", None),
        (Hosts(names=[["hq-ex10a.contoso.example", OURS]]), "mail.contoso.example", "hq-ex10a.contoso.example"),
    ],
    ids=["nothing known", "only the domain", "listed", "listed, short", "shared name", "joined with its address"],
)
def test_an_ehlo_name_alone_never_names_our_machine(read, hosts, ehlo, expected):
    """A Send connector's name is shared by its servers: the settings must confirm that it is a machine's."""
    [seen] = read(*sent(ehlo), hosts=hosts).observations
    assert (seen.reported_by, seen.sending_host, seen.sending_ip) == (expected, expected, OURS)


def test_a_receive_connector_names_its_server(read):
    """The id is SERVER\\name; the banner adds the domain where it is the server's own."""
    [seen] = read(*received_rows([*RECEIVED, *STARTTLS_MIRRORED]), side="receive").observations
    assert seen.reported_by == "hq-ex10a.contoso.example"


STARTTLS_MIRRORED = ("<,STARTTLS,", ">,220 2.0.0 SMTP server ready,", *FAILED)


def test_a_shared_banner_gives_way_to_the_connectors_server(read):
    """A banner that several servers give is not the machine's name."""
    steps = [one.replace("hq-ex10a.contoso.example", "mail.contoso.example") for one in (*RECEIVED, *STARTTLS_MIRRORED)]
    [seen] = read(*received_rows(steps), side="receive").observations
    assert seen.reported_by == "hq-ex10a"


def test_a_receive_log_in_the_same_file_names_the_server_of_a_send_log():
    """One input that shows name and address together joins them."""
    sending = log_of(*sent())
    receiving = log_of(*received_rows([*RECEIVED, *STARTTLS_MIRRORED]), side="receive")
    document = read_protocol_log([sending, receiving], Hosts())
    assert {one.reported_by for one in document.observations} == {"hq-ex10a.contoso.example"}


def test_an_address_that_two_servers_show_names_neither():
    """Two sites may use one private address."""
    other = [
        one.replace("HQ-EX10A", "BR-EX10B") for one in received_rows([*RECEIVED, *STARTTLS_MIRRORED], key="08D9AA")
    ]
    receiving = log_of(*received_rows([*RECEIVED, *STARTTLS_MIRRORED]), *other, side="receive")
    document = read_protocol_log([log_of(*sent()), receiving], Hosts())
    assert [one.reported_by for one in document.observations if one.source == "send-log"] == [None]


def test_a_client_of_our_own_domain_needs_more_than_its_ehlo(read):
    """Our servers may share an EHLO name among them; a partner's name is all there is to call it by."""
    hosts = Hosts(domains=["contoso.example"])
    for ehlo, expected in (("mail.contoso.example", None), ("mx.fabrikam.example", "mx.fabrikam.example")):
        steps = [f"<,EHLO {ehlo}," if "EHLO" in one else one for one in (*RECEIVED, *STARTTLS_MIRRORED)]
        [seen] = read(*received_rows(steps), side="receive", hosts=hosts).observations
        assert seen.sending_host == expected


@pytest.mark.parametrize("ehlo", ["[198.51.100.20]", "localhost", "WIN-7ABC", "198.51.100.20", "a b", "", "<script>"])
def test_what_is_no_host_name_names_nobody(read, ehlo):
    """The address is left, which nobody can choose."""
    steps = [f"<,EHLO {ehlo}," if "EHLO" in one else one for one in (*RECEIVED, *STARTTLS_MIRRORED)]
    [seen] = read(*received_rows(steps), side="receive").observations
    assert (seen.sending_host, seen.sending_ip) == (None, "198.51.100.20")


def test_fronts_of_exchange_online_at_one_address_are_one_peer(read):
    """Their names change with every session; the address is kept, for one of several may be the faulty one."""
    other = [one.replace("am6eur05ft012", "am6eur05ft044") for one in sent(key="08D92C6B00000002", at=60)]
    third = sent(key="08D92C6B00000003", at=90, remote="198.51.100.21:25")
    document = read(*sent(), *other, *third)
    assert [(one.receiving_ip, one.count) for one in document.observations] == [
        ("198.51.100.20", 2),
        ("198.51.100.21", 1),
    ]


@pytest.mark.parametrize(
    ("version", "product", "build"),
    [
        ("14.0.0.0", "Exchange 2010", None),
        ("15.0.0.0", None, None),
        ("15.01.2106.002", "Exchange 2016", "15.01.2106.002"),
    ],
)
def test_the_header_tells_the_servers_software(read, version, product, build):
    """14.0.0.0 is Exchange 2010 and no build; 15.0.0.0 stands for all since."""
    [seen] = read(*sent(), version=version).observations
    software = seen.software.sending
    assert (software.product if software else None, software.build if software else None) == (product, build)


def test_ipv6_endpoints_are_read():
    """They stand in brackets before the port."""
    rows = sent(local="[2001:db8::10]:16547", remote="[2001:db8:1::20]:25")
    [seen] = read_protocol_log([log_of(*rows)], Hosts()).observations
    assert (seen.sending_ip, seen.receiving_ip) == ("2001:db8::10", "2001:db8:1::20")


def test_masked_endpoints_name_no_address_and_are_told_apart():
    """Logs that were made public have their addresses masked: two peers stay two."""
    rows = [
        *session_rows([one for one in SENT if "<,220 am6" not in one and "<,250-am6" not in one], **masked(31, 1)),
        *session_rows([one for one in SENT if "<,220 am6" not in one and "<,250-am6" not in one], **masked(44, 2)),
    ]
    document = read_protocol_log([log_of(*rows)], Hosts())
    assert [(one.sending_ip, one.receiving_ip, one.count) for one in document.observations] == [(None, None, 1)] * 2
    assert len(set(document.members)) == 2


def masked(peer: int, number: int) -> dict[str, Any]:
    """Give the ends of a session as a masked log has them."""
    return {"local": "10.**.**.168:37964", "remote": f"10.**.**.{peer}:25", "key": f"08D92C6B0000000{number}"}


def test_a_masked_log_without_header_tells_its_side_by_the_ports():
    """The port is left when the address is not."""
    rows = "\r\n".join(sent(local="10.**.**.31:37964", remote="10.**.**.168:25")).encode()
    [seen] = read_protocol_log([rows], Hosts()).observations
    assert (seen.source, seen.tls.error) == ("send-log", "SocketError")


@pytest.mark.parametrize(
    ("said", "expected"),
    [("mail.contoso.example", "mail.contoso.example"), ("HQ-EX10A", "hq-ex10a"), ("[192.0.2.10]", None), ("", None)],
    ids=["shared", "short", "address", "none"],
)
def test_the_name_given_in_ehlo_is_told_beside_the_host(read, said, expected):
    """Whether or not it names a machine; an address is no name."""
    [seen] = read(*sent(said)).observations
    assert (seen.ehlo, seen.sending_host) == (expected, None)


def test_a_receive_log_tells_the_clients_ehlo(read):
    """Also where it is not believed to name the machine."""
    steps = ["<,EHLO mail.contoso.example," if "EHLO" in one else one for one in (*RECEIVED, *STARTTLS_MIRRORED)]
    [seen] = read(*received_rows(steps), side="receive", hosts=Hosts(domains=["contoso.example"])).observations
    assert (seen.ehlo, seen.sending_host) == ("mail.contoso.example", None)
