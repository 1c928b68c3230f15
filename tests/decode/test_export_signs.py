"""A text that is ruled out as an export is one of which no reader of exports makes anything."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fuzz.targets import seeds
from triage.decode.export_signs import may_hold_export
from triage.decode.exports import _read_pasted, read_pasted
from triage.hosts import Hosts

HOSTS = Hosts()
WORDS = st.sampled_from(
    (
        "Identity", "Status", "Retry", "Next Hop Domain", "LastError", "Message Count", "Queue", "FromAddress", "EventId",
        "MessageId", "SmartHostConnectorDelivery", "EX01\\3", "14", "contoso.example", "[{LED=450 4.4.316 x}]", "[{ LRT =",
        "450 4.7.0 Proxy session", "451 4.4.0 Primary target IP address", "---", "- -", "Subject", "name", "La\u017ftError",
        '"next-hop-domain"', '{"LastError": "x"}', "{ 'report-id': 1 }", '"L"ED=4', "2026-10-18T09:14:03.000Z", "#Fields: ",
        "RECEIVE", "SMTP", "8f3ad8d6-6c0c-4b9e-8d2e-52e3a3c3f7d1", "Delivery", "failed", "550 5.1.1", "\u00a0", "last", "error",
    )
)  # fmt: skip
BETWEEN = st.sampled_from(
    (" ", "  ", "   ", "\t", ",", ";", "|", " : ", ": ", ":", "=", " = ", "", '"', "\n", "\n\n", "\r\n")
)
TEXTS = st.lists(st.tuples(WORDS, BETWEEN).map("".join), max_size=40).map("".join)


@settings(max_examples=500, deadline=None)
@given(TEXTS)
@example("Identity Status\n-------- ------\nEX01\\3   Retry\n")
@example("Next Hop\n  Domain  Status\n-------- ------\ncontoso.example Retry\n")
def test_what_is_ruled_out_holds_no_export(text: str) -> None:
    """Whatever words of exports stand in a text: where it is ruled out, no reader finds rows in it."""
    if not may_hold_export(text):
        assert _read_pasted(text, HOSTS) is None


def test_no_example_is_ruled_out_that_holds_one() -> None:
    """Each example is read the same with and without the question."""
    texts = [one.decode("utf-8", "replace") for one in seeds() if len(one) < 50_000]
    assert [one for one in texts if not may_hold_export(one) and _read_pasted(one, HOSTS) is not None] == []
    assert any(map(may_hold_export, texts))


@pytest.mark.parametrize(
    "text",
    [
        "Hello Anna,\n\nthe reply said 550 5.1.1 no such user - please check.\n\nRegards\n-- \nKarl\n",
        "<anna@fabrikam.example>: host mx.fabrikam.example[203.0.113.5] said: 450 4.7.1 Try again later (in reply to RCPT)",
    ],
)
def test_a_letter_is_ruled_out(text: str) -> None:
    """A letter and a bounce's words are no export, and are told so at once."""
    assert not may_hold_export(text)
    assert read_pasted(text, HOSTS) is None
