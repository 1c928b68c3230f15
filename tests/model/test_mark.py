"""The mark of our notices is the same each time, survives mail systems, and cannot be made up where there is a key."""

import pytest

from triage.model.mark import HEADER, Mark

SENDER = "triage@contoso.example"
KEYED = Mark(SENDER, b"a key of thirty-two random bytes")
PLAIN = Mark(SENDER)


@pytest.mark.parametrize("mark", [PLAIN, KEYED], ids=["without a key", "with a key"])
def test_a_notice_is_known_by_either_place_of_its_mark(mark: Mark) -> None:
    """The header alone is enough, and the Message-ID alone: mail systems carry one or the other."""
    fields = mark.headers("i-4711-x10")
    assert mark.is_on(header=fields[HEADER], sender=SENDER, ids=[])
    assert mark.is_on(header=None, sender=SENDER, ids=[None, fields["Message-ID"]])
    assert mark.is_on(header=None, sender=None, ids=[fields["Message-ID"].strip("<>")])
    assert mark.is_on(header=f" {fields[HEADER]} ", sender=SENDER.upper(), ids=[])


def test_the_fields_are_those_of_an_automatic_message() -> None:
    """RFC 3834 §5: auto-generated; the same notice has the same Message-ID, in the sender's domain."""
    fields = KEYED.headers("i-4711-x10")
    assert fields == KEYED.headers("i-4711-x10")
    assert fields["Auto-Submitted"] == "auto-generated"
    assert fields["Message-ID"].endswith("@contoso.example>")
    assert KEYED.headers("other")["Message-ID"] != fields["Message-ID"]


def test_any_id_makes_fields_that_are_safe() -> None:
    """An id with line ends or spaces cannot add a header."""
    fields = PLAIN.headers("a\r\nBcc: eve@contoso.example <x>")
    assert "\n" not in "".join(fields.values())
    assert PLAIN.is_on(header=fields[HEADER], sender=SENDER, ids=[])


@pytest.mark.parametrize("mark", [PLAIN, KEYED], ids=["without a key", "with a key"])
def test_mail_from_another_address_is_never_ours(mark: Mark) -> None:
    """Whoever copies the mark into mail of his own does not have its bounces set aside."""
    fields = mark.headers("i-1")
    assert not mark.is_on(header=fields[HEADER], sender="karl@contoso.example", ids=[fields["Message-ID"]])


def test_without_a_from_only_our_own_domain_counts() -> None:
    """A header without a sender, or an id in another domain, proves nothing."""
    name = PLAIN.name("i-1")
    assert not PLAIN.is_on(header=name, sender=None, ids=[])
    assert not PLAIN.is_on(header=None, sender=None, ids=[f"<{name}@fabrikam.example>"])


@pytest.mark.parametrize(
    "name",
    [
        "triage-notice.i-1",
        "triage-notice.i-1." + "0" * 32,
        KEYED.name("i-2").replace("i-2", "i-1"),
        Mark(SENDER, b"another key").name("i-1"),
        KEYED.name("i-1") + "0",
        "",
        "x",
    ],
)
def test_with_a_key_nobody_makes_up_a_mark(name: str) -> None:
    """A tag that is missing, guessed, taken from another notice or made with another key does not count."""
    assert not KEYED.is_on(header=name, sender=SENDER, ids=[f"<{name}@contoso.example>"])


@pytest.mark.parametrize(
    "message_id", ["", "<>", "@", "<@contoso.example>", "x" * 100_000, None, "\u0130@contoso.example"]
)
def test_any_message_id_can_be_asked_about(message_id: str | None) -> None:
    """What a message brings as Message-ID is any text."""
    assert not PLAIN.is_on(header=message_id, sender=SENDER, ids=[message_id])
