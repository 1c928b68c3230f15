"""The facts of a ticket that tell how an incident stands: what was seen before and after, who has it, what is silent."""

from collections.abc import Callable

import pytest

from triage.model import Incident, Proof
from triage.notify import Texts
from triage.notify.facts import raw_facts
from triage.notify.redaction import Redaction

NOW = "2026-10-21T12:00:00Z"
PROOF = Proof(
    last_failure="2026-10-20T09:14:00Z",
    successes=12,
    at_least=False,
    first_success="2026-10-20T10:02:00Z",
    last_success="2026-10-20T10:40:00Z",
    tls_version="1.2",
)


def told(incident: Incident, texts: Texts) -> dict[str, str]:
    """Give the facts by their names."""
    return dict(raw_facts(incident, texts, Redaction(incident, True), NOW))


@pytest.mark.parametrize(("at_least", "words"), [(False, "12 sessions"), (True, "at least 12 sessions")])
def test_failures_before_and_successes_after_stand_in_the_facts(
    at_least: bool, words: str, make_incident: Callable[..., Incident], texts: Texts
) -> None:
    """A reader sees when the last failure was, and how many sessions passed since, over which TLS."""
    proof = Proof(**{name: getattr(PROOF, name) for name in PROOF.__struct_fields__} | {"at_least": at_least})
    facts = told(make_incident(proof=proof), texts)
    assert facts["Last failure"] == "20 Oct 09:14 UTC"
    assert facts["Successes after it"] == f"{words} over TLS 1.2, from 20 Oct 10:02 UTC"


def test_who_has_it_and_what_is_silent_stand_in_the_facts(make_incident: Callable[..., Incident], texts: Texts) -> None:
    """Names come with the time until which they hold; what nobody said has no row."""
    facts = told(
        make_incident(
            acknowledged_by="Ana",
            acknowledged_until="2026-10-22T08:00:00Z",
            silenced_by="Eva",
            silenced_until="2026-10-23T08:00:00Z",
            quiet_since="2026-10-21T09:14:00Z",
        ),
        texts,
    )
    assert facts["Acknowledged"] == "by Ana until 22 Oct 08:00 UTC"
    assert facts["Silenced"] == "by Eva until 23 Oct 08:00 UTC"
    assert facts["Quiet since"] == "21 Oct 09:14 UTC"
    plain = told(make_incident(), texts)
    assert not {"Acknowledged", "Silenced", "Quiet since", "Last failure", "Successes after it"} & plain.keys()
