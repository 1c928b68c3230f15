"""Answers of HTTP triggers: a sentence and the right status for every way in which something fails."""

import json
from collections.abc import Callable

import pytest
import structlog

from triage.cloud.answer import answered, bounded
from triage.errors import BadInput, Misconfigured, TooLarge, Transient


def failing(error: Exception) -> Callable[[], bytes]:
    """Give work that fails so."""

    def work() -> bytes:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (BadInput("It is empty."), 400, "It is empty."),
        (TooLarge("It is too large."), 413, "It is too large."),
        (Transient("Later."), 503, "Later."),
        (Misconfigured("A setting is wrong."), 500, "A setting is wrong."),
        (
            ZeroDivisionError("secret detail"),
            500,
            "This program failed on it. This is a fault of ours; the log says more.",
        ),
    ],
)
def test_failure_has_its_status_and_a_sentence(error: Exception, status: int, sentence: str) -> None:
    """4xx where the request is at fault, 5xx where we are; the details of a fault of ours go to the log alone."""
    with structlog.testing.capture_logs():
        answer = answered(failing(error))
    assert (answer.status, json.loads(answer.body)) == (status, {"error": sentence})
    assert answer.media == "application/json"


def test_what_went_well_is_answered_as_it_is() -> None:
    """The body, status and kind of a good answer are the caller's."""
    answer = answered(lambda: b"{}\n", status=202, media="application/x-ndjson")
    assert (answer.status, answer.body, answer.media) == (202, b"{}\n", "application/x-ndjson")


def test_bound_is_the_bound_of_a_document() -> None:
    """Fifty megabytes are taken, and not a byte more."""
    body = bytes(50 * 2**20)
    assert bounded(body) is body
    with pytest.raises(TooLarge):
        bounded(body + b"x")
