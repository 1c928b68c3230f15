"""Probing real servers on loopback: each version by itself, no STARTTLS, silence, and certificates that do not fit."""

import ssl
import time

import pytest

from tests.probe.conftest import NAME, dribbling, line, silent, speaks
from triage.errors import BadInput, Transient
from triage.probe import Address, addresses_of, cannot_test, is_mended, probe, read_target

V = ssl.TLSVersion
BY_NAME = {"1.0": V.TLSv1, "1.1": V.TLSv1_1, "1.2": V.TLSv1_2, "1.3": V.TLSv1_3}


def here(port: int) -> Address:
    """Give the server's address under the name that its certificate is for."""
    return Address("127.0.0.1", port, NAME)


def answers(result):
    """Give what was answered to each version."""
    return {one.version: one.answer for one in result.versions}


@pytest.mark.parametrize("version", BY_NAME)
def test_a_server_limited_to_one_version_takes_that_one_alone(serve, limited, version):
    """What it speaks is accepted, all else refused; what this machine cannot ask for is said to be untested."""
    result = probe(here(serve(speaks(limited(BY_NAME[version])))), seconds=5)
    expected = {one: "accepted" if one == version else "refused" for one in BY_NAME}
    expected |= dict.fromkeys(cannot_test(), "not-tested")
    assert answers(result) == expected
    assert (result.outcome, result.starttls) == ("answered", True)
    assert result.speaks_tls12 is (version in ("1.2", "1.3"))


def test_this_machine_can_ask_for_the_old_versions_too():
    """The tests above mean nothing for TLS 1.0 and 1.1 where the machine does not speak them: Debian's does."""
    assert cannot_test() == ()


def test_a_server_that_drops_every_handshake_refuses_all_versions(serve):
    """Exchange without a version in common closes the connection: a refusal, not silence."""
    result = probe(here(serve(speaks(None, drop=True))), seconds=5)
    assert set(answers(result).values()) == {"refused"}
    assert result.speaks_tls12 is False
    assert result.certificate is None


def test_a_server_without_starttls_is_told(serve):
    """EHLO answers and does not offer STARTTLS: nothing more is asked."""
    result = probe(here(serve(speaks(None))), seconds=5)
    assert (result.outcome, result.starttls, result.versions) == ("no-starttls", False, ())
    assert result.speaks_tls12 is False


@pytest.mark.parametrize("behave", [silent, dribbling], ids=["silent", "a greeting without an end"])
def test_a_server_that_does_not_answer_costs_bounded_time(serve, behave):
    """The bound is for the whole session: a byte now and then does not prolong it."""
    began = time.monotonic()
    result = probe(here(serve(behave)), seconds=1)
    assert (result.outcome, result.starttls, result.speaks_tls12) == ("no-banner", None, None)
    assert time.monotonic() - began < 5


def test_a_handshake_without_an_answer_is_no_refusal(serve):
    """A server, or a device before it, that falls silent after STARTTLS proves nothing about versions."""

    def behave(connection):
        connection.sendall(b"220 ready\r\n")
        line(connection)
        connection.sendall(b"250-mail\r\n250 STARTTLS\r\n")
        line(connection)
        connection.sendall(b"220 go\r\n")
        silent(connection)

    result = probe(here(serve(behave)), seconds=0.5)
    assert set(answers(result).values()) <= {"no-answer", "not-tested"}
    assert result.speaks_tls12 is None


def test_a_closed_port_is_not_reached():
    """Nobody listens: the operating system's words are told."""
    result = probe(Address("127.0.0.1", 1, NAME), seconds=2)
    assert result.outcome == "not-reached"
    assert "refused" in (result.why or "").lower()


def test_a_greeting_that_refuses_is_told(serve):
    """A 554 greeting (RFC 5321 §3.1) is no banner to go on from, and its words are shown."""

    def behave(connection):
        connection.sendall(b"554 5.7.1 your address is blocked\r\n")

    result = probe(here(serve(behave)), seconds=2)
    assert result.outcome == "no-banner"
    assert "blocked" in (result.why or "")


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("good", None),
        ("expired", "certificate has expired"),
        ("self-signed", "self-signed certificate"),
        ("wrong-name", "Hostname mismatch"),
    ],
)
def test_the_certificate_is_shown_with_what_is_wrong_with_it(serve, limited, authority, kind, problem):
    """Names, dates and issuer are read; what a careful client would say is told in its words."""
    port = serve(speaks(limited(V.TLSv1_2, V.TLSv1_3, kind=kind)))
    result = probe(here(port), seconds=5, ca_file=str(authority.root_file))
    shown = result.certificate
    assert shown is not None
    assert shown.names == (("other.fabrikam.example",) if kind == "wrong-name" else (NAME,))
    assert shown.self_signed is (kind == "self-signed")
    assert (shown.problem is None) if problem is None else (problem in (shown.problem or ""))
    assert shown.not_before < shown.not_after
    assert result.speaks_tls12 is True


def test_a_root_that_nobody_trusts_is_told(serve, limited):
    """Without the authority's root the chain ends nowhere."""
    result = probe(here(serve(speaks(limited(V.TLSv1_2)))), seconds=5)
    assert result.certificate is not None
    assert "issuer certificate" in (result.certificate.problem or "")


def test_mended_means_every_address(serve, limited):
    """One address that still refuses keeps the fault open; so does one that did not answer."""
    good = probe(here(serve(speaks(limited(V.TLSv1_2)))), seconds=5)
    old = probe(here(serve(speaks(limited(V.TLSv1)))), seconds=5)
    away = probe(Address("127.0.0.1", 1, NAME), seconds=1)
    assert is_mended([good]) is True
    assert (is_mended([good, old]), is_mended([good, away]), is_mended([])) == (False, False, False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mail.Contoso.Example.", ("mail.contoso.example", 25)),
        ("mail.contoso.example:2525", ("mail.contoso.example", 2525)),
        ("192.0.2.7", ("192.0.2.7", 25)),
        ("[2001:db8::7]:26", ("2001:db8::7", 26)),
        ("2001:db8::7", ("2001:db8::7", 25)),
    ],
)
def test_targets_are_read_as_people_write_them(text, expected):
    """Names, addresses, ports, brackets around IPv6."""
    assert read_target(text) == expected


@pytest.mark.parametrize("text", ["", "a b", "mail.example:99999", "mail.example:x", "https://mail.example", "u@mail"])
def test_what_is_no_target_is_refused_in_a_sentence(text):
    """No traceback, and nothing is looked up."""
    with pytest.raises(BadInput):
        read_target(text)


def test_a_name_without_an_address_is_told():
    """RFC 6761: `.invalid` never has one."""
    with pytest.raises(Transient):
        addresses_of("nobody.invalid")
