"""Received stamps give the hop, its TLS and the build, and say nothing that they do not show."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.decode.received import MAX_HEADERS, Hop, read_received

DATE = "; Sun, 18 Oct 2026 11:14:03 +0200"
AES128 = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
AES256 = "TLS_AES_256_GCM_SHA384"
OPENSSL = "ECDHE-RSA-AES256-GCM-SHA384"
PAIR = "from hq-ex10a.contoso.example (192.0.2.10) by {by} (203.0.113.25)"
ONLINE = "AB1PR01MB0001.namprd01.prod.outlook.com"


def told(one: Hop) -> tuple[object, ...]:
    """Ask a stamp for everything that it may tell."""
    tls = (one.tells_tls, one.tls_version, one.cipher, one.encrypted, one.protocol, one.product, one.build)
    return (one.from_host, one.from_ip, one.helo, one.by_host, one.by_ip, *tls, one.time, one.raw)


def hop(value: str) -> Hop:
    """Read one header."""
    [one] = read_received([value])
    return one


STAMPS = {
    "2010": (
        "m.b.example",
        "Microsoft SMTP Server (TLS) id 14.3.123.4",
        (None, None, True, "Exchange 2010", "14.3.123.4"),
    ),
    "2013, clear": (
        "mx.b.example",
        "Microsoft SMTP Server id 15.0.1104.5 via Frontend\r\n Transport",
        ("none", None, False, "Exchange 2013", "15.0.1104.5"),
    ),
    "2016": (
        "mx.b.example",
        f"Microsoft SMTP Server\r\n (version=TLS1_2, cipher={AES128}) id\r\n 15.1.2106.2",
        ("1.2", AES128, True, "Exchange 2016", "15.1.2106.2"),
    ),
    "online": (
        ONLINE,
        f"Microsoft SMTP Server (version=TLS1_3, cipher={AES256}) id 15.20.4734.22",
        ("1.3", AES256, True, "Exchange Online", "15.20.4734.22"),
    ),
    "online before 2018": (
        "AB1FT032.mail.protection.outlook.com",
        f"Microsoft SMTP Server (version=TLS1_0, cipher={AES128}) id 15.1.1341.15",
        ("1.0", AES128, True, "Exchange Online", "15.1.1341.15"),
    ),
    "mapi": (ONLINE, "mapi id 15.20.4755.014", (None, None, None, "Exchange Online", "15.20.4755.014")),
    "google": (
        "mx.google.com",
        f"ESMTPS id a1 (version=TLS1_3 cipher={AES256} bits=256/256)",
        ("1.3", AES256, True, None, None),
    ),
    "google, old": (
        "mx.google.com",
        "ESMTPS id a1 (version=TLSv1/SSLv3 cipher=RC4-SHA)",
        (None, "RC4-SHA", True, None, None),
    ),
    "sendmail": (
        "mx.b.example (8.15.2/8.15.2)",
        f"ESMTPS id x (version=TLSv1.2 cipher={OPENSSL} bits=256 verify=NOT)",
        ("1.2", OPENSSL, True, "sendmail", None),
    ),
    "exim": ("mx.b.example", f"esmtps (TLS1.2) tls {AES128} (Exim 4.95) id 1n", ("1.2", AES128, True, "Exim", None)),
    "postfix": ("mx.b.example (Postfix)", "ESMTPS id 4Z2x", (None, None, True, "Postfix", None)),
    "postfix, of a distribution": (
        "mx.b.example (Postfix, from userid 33)",
        "ESMTPS id 4Z2x",
        (None, None, True, "Postfix", None),
    ),
    "protocol only": ("mx.b.example", "ESMTPSA id 4AbC", (None, None, True, None, None)),
    "nothing told": ("mx.b.example", "ESMTP id 4AbC", (None, None, None, None, None)),
}


@pytest.mark.parametrize(("by", "stamp", "expected"), STAMPS.values(), ids=STAMPS)
def test_a_stamp_gives_version_cipher_encryption_product_and_build(
    by: str, stamp: str, expected: tuple[str | None, str | None, bool | None, str | None, str | None]
) -> None:
    """Each kind of stamp says what it shows; `(TLS)` proves encryption without a version."""
    one = hop(f"{PAIR.format(by=by)} with {stamp}{DATE}")
    assert (one.tls_version, one.cipher, one.encrypted, one.product, one.build) == expected
    assert one.tells_tls is any(value is not None for value in (one.tls_version, one.encrypted, one.build))
    assert (one.from_host, one.from_ip) == ("hq-ex10a.contoso.example", "192.0.2.10")
    assert (one.by_host, one.time) == (by.split()[0].lower(), "2026-10-18T09:14:03Z")


def test_postfix_puts_tls_into_the_from_clause() -> None:
    """Postfix tells version and cipher in a comment behind the client."""
    one = hop(
        "from mail (mx.fabrikam.example [203.0.113.5]) (using TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384"
        f" (256/256 bits)) (No client certificate requested) by mx.contoso.example (Postfix) with ESMTPS id 4A{DATE}"
    )
    assert (one.tls_version, one.cipher) == ("1.2", "ECDHE-RSA-AES256-GCM-SHA384")
    assert (one.from_host, one.helo, one.from_ip) == ("mx.fabrikam.example", "mail", "203.0.113.5")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("from unknown (HELO pc.b.example) (203.0.113.7) by mx.contoso.example with SMTP", (None, "pc.b.example", "203.0.113.7")),
        ("from [203.0.113.9] (helo=pc.b.example) by mx.contoso.example with esmtp", (None, "pc.b.example", "203.0.113.9")),
        ("from x ([IPv6:2001:db8::1]) by mx.contoso.example with esmtp", ("x", "x", "2001:db8::1")),
        ("from a.b.example ([fe80::1%5]) by a.b.example with mapi id 15.01.2106.002", ("a.b.example", "a.b.example", "fe80::1")),
        ("from tls1.b.example (tls1.b.example [203.0.113.7]) by m.x.example", ("tls1.b.example",) * 2 + ("203.0.113.7",)),
    ],
    ids=["qmail", "exim", "IPv6", "zone", "a name like a version"],
)  # fmt: skip
def test_the_client_is_told_by_name_greeting_and_address(
    value: str, expected: tuple[str | None, str | None, str | None]
) -> None:
    """What the client said in its greeting is kept apart from the name that the server knows."""
    one = hop(value + DATE)
    assert (one.from_host, one.helo, one.from_ip) == expected
    assert one.tls_version is None


def test_only_exchange_stamps_have_a_build() -> None:
    """A queue id that looks like a build is none, and an IIS SMTP service is no Exchange."""
    assert hop(f"from a.b.example by mx.b.example with ESMTP id 15.1.2106.2{DATE}").build is None
    assert hop(f"from a.b.example by mx.b.example with Microsoft SMTPSVC(7.5.7601.22751){DATE}").build is None


def test_a_header_that_is_cut_off_is_read_as_far_as_it_goes() -> None:
    """An unclosed comment does not lose the hosts in front of it."""
    one = hop("from a.b.example (203.0.113.7) by mx.contoso.example (203.0.113.8")
    assert (one.from_host, one.by_host, one.time) == ("a.b.example", "mx.contoso.example", None)


def test_the_order_of_the_headers_is_kept_and_their_number_bounded() -> None:
    """Newest first as in the message, and no more than the bound."""
    many = [f"from h{number}.b.example by mx.b.example{DATE}" for number in range(MAX_HEADERS + 50)]
    hops = read_received(many)
    assert [one.from_host for one in hops[:2]] == ["h0.b.example", "h1.b.example"]
    assert len(hops) == MAX_HEADERS


@pytest.mark.parametrize("piece", ["(", "from x (by ", "cipher=", "[", '"', "\\", "a.", "TLS "])
def test_hostile_headers_end_soon(piece: str) -> None:
    """A thousand megabyte-long headers of openers take less than two seconds."""
    begun = time.perf_counter()
    for one in read_received([piece * (10**6 // len(piece))] * 1000):
        told(one)
    assert time.perf_counter() - begun < 2


@given(st.lists(st.text(), max_size=5))
def test_any_headers_are_read_without_an_error(values: list[str]) -> None:
    """Each header gives one hop, whatever it holds, and tells of TLS or a build where it has one of these."""
    hops = read_received(values)
    assert len(list(map(told, hops))) == len(values)
    for one in hops:
        assert one.tells_tls is any(value is not None for value in (one.tls_version, one.encrypted, one.build))
