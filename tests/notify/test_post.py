"""One POST: what each way of failing means, and how long it may take."""

import logging
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

import triage.notify.post
from tests.servers.webhooks import Behaviour, Closes, Drips, Hangs, Receiver, Says
from triage.notify.outcome import Accepted, Later, Refused
from triage.notify.post import Answer, Line, outcome, post, retry_after

NOW = "2026-10-20T12:00:00Z"
HERE = Line(allow_loopback=True)


def sent(receiver: Receiver) -> Answer | Later | Refused:
    """Post a few bytes."""
    return post(SecretStr(receiver.url), b"{}", {"content-type": "application/json"}, HERE)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triage.notify.post, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(triage.notify.post, "DEADLINE_SECONDS", 1)


@pytest.mark.parametrize(
    ("status", "kind", "unsure"),
    [
        (200, Accepted, None), (202, Accepted, None), (204, Accepted, None),
        (301, Refused, None), (307, Refused, None), (308, Refused, None),
        (400, Refused, None), (401, Refused, None), (403, Refused, None), (404, Refused, None), (405, Refused, None),
        (410, Refused, None), (413, Refused, None), (415, Refused, None), (422, Refused, None),
        (408, Later, False), (425, Later, False), (429, Later, False),
        (500, Later, False), (503, Later, False), (502, Later, True), (504, Later, True),
    ],
)  # fmt: skip
def test_each_status_is_done_or_tried_again_or_given_up(status: int, kind: type, unsure: bool | None) -> None:
    """2xx is done, 4xx is for a person, throttling and faults pass; only a gateway leaves open what happened behind it."""
    with Receiver(Says(status, {"location": "http://127.0.0.1:9/"})) as receiver:
        answer = sent(receiver)
    assert isinstance(answer, Answer)
    result = outcome(answer, NOW)
    assert isinstance(result, kind)
    if isinstance(result, Later):
        assert result.unsure is unsure
    assert len(receiver.taken) == 1


@pytest.mark.parametrize("behaviour", [Hangs(), Closes(), Drips()], ids=["hangs", "closes", "drips"])
def test_no_answer_to_what_was_sent_is_unsure(behaviour: Behaviour) -> None:
    """A far side that read the request and did not answer may have it, and does not hold us for long."""
    with Receiver(behaviour) as receiver:
        began = time.monotonic()
        result = sent(receiver)
        took = time.monotonic() - began
    assert isinstance(result, Later)
    assert result.unsure
    assert took < 2


def test_nobody_listening_is_surely_not_told() -> None:
    """A connection that never came about sent nothing."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/in"
    result = post(SecretStr(url), b"{}", {}, HERE)
    assert isinstance(result, Later)
    assert not result.unsure


def test_a_name_that_does_not_resolve_is_tried_again() -> None:
    """DNS fails for now; the example domains of RFC 2606 fail always."""
    result = post(SecretStr("https://hooks.contoso.invalid/in"), b"{}", {}, Line())
    assert isinstance(result, Later)
    assert not result.unsure


def test_a_name_that_leads_to_this_machine_is_refused() -> None:
    """Without the setting for trials, nothing is sent to an address of the machine itself."""
    with Receiver() as receiver:
        result = post(SecretStr(receiver.url), b"{}", {}, Line())
    assert isinstance(result, Refused)
    assert receiver.taken == []


def test_a_certificate_nobody_vouches_for_is_not_trusted(certificate: Path) -> None:
    """TLS is verified: a certificate of our own making is refused, and taken where the settings name it."""
    with Receiver(certificate=certificate) as receiver:
        result = sent(receiver)
        assert result == Later("The certificate of the host is not trusted.")
        assert receiver.taken == []
        trusting = Line(ca_file=certificate, allow_loopback=True)
        assert isinstance(post(SecretStr(receiver.url), b"{}", {}, trusting), Answer)


@pytest.fixture
def rebinding(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let names of contoso.example lead to this machine at the first look, and elsewhere at every other; tell the looks."""
    looks: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if not str(host).endswith("contoso.example"):
            return real(host, port, *rest, **more)
        looks.append(host)
        return real("127.0.0.1" if len(looks) == 1 else "192.0.2.1", port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return looks


def test_the_connection_goes_to_the_address_that_was_looked_at(rebinding: list[str]) -> None:
    """A name that changes its address after the check (DNS rebinding) is not asked again; the Host field is the name."""
    with Receiver() as receiver:
        url = receiver.url.replace("127.0.0.1", "hooks.contoso.example")
        answer = post(SecretStr(url), b"{}", {}, HERE)
    assert isinstance(answer, Answer)
    assert rebinding == ["hooks.contoso.example"]
    assert receiver.taken[0].headers["host"] == url.split("/")[2]


@pytest.mark.parametrize(("name", "is_fit"), [("hooks.contoso.example", True), ("other.contoso.example", False)])
def test_the_certificate_is_held_against_the_name(
    rebinding: list[str], certificate: Path, name: str, is_fit: bool
) -> None:
    """A certificate for the address alone does not do: it is the name of the settings that is proved."""
    with Receiver(certificate=certificate) as receiver:
        url = receiver.url.replace("127.0.0.1", name)
        result = post(SecretStr(url), b"{}", {}, Line(ca_file=certificate, allow_loopback=True))
    assert rebinding == [name]
    if is_fit:
        assert isinstance(result, Answer)
    else:
        assert result == Later("The certificate of the host is not trusted.")


def test_proxies_of_the_machine_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY of the environment sends no secret elsewhere; the setting does."""
    with Receiver() as receiver, Receiver() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert isinstance(sent(receiver), Answer)
        assert (len(receiver.taken), len(proxy.taken)) == (1, 0)
        through = Line(proxy=SecretStr(proxy.url.partition("/in")[0]), allow_loopback=True)
        assert isinstance(post(SecretStr(receiver.url), b"{}", {}, through), Answer)
        assert (len(receiver.taken), len(proxy.taken)) == (1, 1)


def test_an_answer_is_read_only_so_far() -> None:
    """A far side that answers with megabytes costs us its beginning."""
    with Receiver(Says(400, body=b'{"error":{"code":"Wrong"}}' + b"x" * 2**21)) as receiver:
        answer = sent(receiver)
    assert isinstance(answer, Answer)
    assert len(answer.body) <= 8 * 2**10
    assert outcome(answer, NOW) == Refused("It answered 400 Wrong.")


def test_words_of_the_far_side_are_not_repeated() -> None:
    """Of an error only its code is told: a body may hold anything, our secret among it."""
    body = b'{"error":{"code":"Bad\\nthing","message":"sig=the-signature-is-a-secret"}}'
    with Receiver(Says(401, body=body)) as receiver:
        answer = sent(receiver)
    assert isinstance(answer, Answer)
    assert outcome(answer, NOW, hints={401: "Look there."}) == Refused("It answered 401. Look there.")
    assert "secret" not in repr(answer)


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("7", "", 7),
        ("0", "", 0),
        ("99999999999999999999", "", 6 * 3600),
        ("Tue, 20 Oct 2026 12:01:30 GMT", "", 90),
        ("Tue, 20 Oct 2026 12:01:30 GMT", "Tue, 20 Oct 2026 12:01:00 GMT", 30),
        ("Tuesday, 20-Oct-26 12:01:30 GMT", "", 90),
        ("Tue, 20 Oct 2026 11:00:00 GMT", "", 0),
        ("Fri, 31 Dec 2099 23:59:59 GMT", "", 6 * 3600),
        ("", "", None),
        ("soon", "", None),
        ("-5", "", None),
        ("1.5", "", None),
        ("²", "", None),
    ],
)
def test_retry_after_in_seconds_and_as_a_date(value: str, date: str, seconds: int | None) -> None:
    """Both forms of RFC 9110, 10.2.3 count, against the far side's clock; nonsense counts as none."""
    assert retry_after({"retry-after": value, "date": date}, NOW) == seconds


def test_the_log_of_the_http_library_names_no_path(caplog: pytest.LogCaptureFixture) -> None:
    """With everything logged, a line still says the host alone."""
    caplog.set_level(logging.DEBUG)
    with Receiver() as receiver:
        sent(receiver)
    assert any("127.0.0.1" in line for line in caplog.messages)
    assert not any("secret" in line or "/in" in line for line in caplog.messages)


def test_every_error_of_the_http_library_is_mapped() -> None:
    """What a request may raise is a TransportError, a bad address, or what only following redirects and decoding raise."""

    def below(kind: type[Exception]) -> set[type[Exception]]:
        return {kind}.union(*(below(one) for one in kind.__subclasses__()))

    ours = below(httpx.TransportError) | {httpx.InvalidURL}
    unused = {httpx.HTTPError, httpx.RequestError, httpx.HTTPStatusError, httpx.TooManyRedirects, httpx.DecodingError}
    public = {one for one in vars(httpx).values() if isinstance(one, type) and issubclass(one, Exception)}
    left = {one for one in public - ours - unused if not issubclass(one, httpx.StreamError | httpx.CookieConflict)}
    assert left == set()
