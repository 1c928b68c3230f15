"""The lines of a paragraph that a program put on one are found again by what begins them, and by nothing else."""

import pytest

from triage.decode.joined import holds_another, relined


@pytest.mark.parametrize(
    ("joined", "lines"),
    [
        (
            "Recipient: anna@fabrikam.example Server: mx.fabrikam.example (203.0.113.9) Error: 550 5.1.1 No such user",
            [
                "Recipient: anna@fabrikam.example",
                "Server: mx.fabrikam.example (203.0.113.9)",
                "Error: 550 5.1.1 No such user",
            ],
        ),
        (
            "----- Transcript of session follows ----- ... while talking to mx.fabrikam.example.: >>> DATA <<< 550 No",
            [
                "----- Transcript of session follows -----",
                "... while talking to mx.fabrikam.example.:",
                ">>> DATA",
                "<<< 550 No",
            ],
        ),
        (
            "anna@fabrikam.example: 550 No such user bo@tailspin.example: 552 Mailbox full",
            ["anna@fabrikam.example: 550 No such user", "bo@tailspin.example: 552 Mailbox full"],
        ),
    ],
)
def test_what_begins_a_line_begins_one_again(joined: str, lines: list[str]) -> None:
    """A label in a row of them, a heading, a command, a reply and a recipient with its reply each begin a line."""
    assert relined(joined) == "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        "Mail without SPF will not be delivered: it is answered with 550 5.7.26. Questions: sender-support@mailbox.example",
        "550 5.1.1 <anna@fabrikam.example>... User unknown, said the server that was asked for the domain of it",
        "Recipient: anna@fabrikam.example\nServer: mx.fabrikam.example\nError: 550 5.1.1 No such user",
        "",
    ],
)
def test_a_text_with_lines_of_its_own_is_left_alone(text: str) -> None:
    """A sentence with a label in it, an address within a reply and fields with a line each are no joined lines."""
    assert relined(text) is None


def test_the_next_recipient_is_told_from_an_address_in_a_reply() -> None:
    """An address is the next recipient only where something is said of it, and not behind a code."""
    assert holds_another("550 No such user bo@tailspin.example retry timeout exceeded")
    assert not holds_another("550 5.1.1 <bo@tailspin.example>... User unknown, ask admin@tailspin.example")
