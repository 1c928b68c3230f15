"""Whose mail it is, and what it is about, hidden where it is not to be shown."""

from collections.abc import Callable

from triage.model import Affected, Incident
from triage.notify.redaction import Redaction


def test_redaction_hides_addresses_and_the_subject_in_any_text(make_incident: Callable[..., Incident]) -> None:
    """The recipient's local part and the subject vanish wherever a text repeats them."""
    hidden = Redaction(make_incident(), redact=True)
    assert hidden.text("“Offer 4711” to anna.b@fabrikam.example") == "“…” to …@fabrikam.example"
    assert hidden.address("anna.b@fabrikam.example") == "…@fabrikam.example"
    assert hidden.subject("Offer 4711") == "… (subject hidden)"
    assert (hidden.address(None), hidden.subject(None)) == (None, None)


def test_without_redaction_everything_stays(
    make_incident: Callable[..., Incident], affected: tuple[Affected, ...]
) -> None:
    """The local ticket shows the whole truth."""
    shown = Redaction(make_incident(), redact=False)
    assert shown.text("Offer 4711 to anna.b@fabrikam.example") == "Offer 4711 to anna.b@fabrikam.example"
    assert shown.affected(affected[0]) is affected[0]


def test_an_affected_message_keeps_only_its_domains(make_incident: Callable[..., Incident]) -> None:
    """Recipient, sender, subject and what the diagnostic repeats of them are hidden; the state stays."""
    one = Affected(
        state="returned",
        recipient="anna.b@fabrikam.example",
        sent_to="secret.info@fabrikam.example",
        sender="karl@contoso.example",
        subject="Secret plan",
        diagnostic="550 5.1.1 <anna.b@fabrikam.example> Secret plan",
    )
    told = Redaction(make_incident(sample=None), redact=True).affected(one)
    assert (told.state, told.recipient, told.sender) == ("returned", "…@fabrikam.example", "…@contoso.example")
    assert told.diagnostic == "550 5.1.1 <…@fabrikam.example> …"
    assert told.sent_to == "…@fabrikam.example"
    assert "secret" not in str(told).lower()
