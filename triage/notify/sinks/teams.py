"""A Teams channel, by a workflow "When a Teams webhook request is received": one card for each message.

Such a workflow knows no repeated id: what is sent twice is shown twice. It answers 202 before it looks at the card.
"""

import time
from typing import Any

import msgspec
from pydantic import SecretStr

from triage.notify.address import checked_address
from triage.notify.card import card
from triage.notify.card_check import problems
from triage.notify.digest import Digest, digest_card
from triage.notify.letter import Letter
from triage.notify.news import reasons
from triage.notify.outcome import Later, Outcome, Refused
from triage.notify.post import Line, outcome, post
from triage.settings import Sinks

PAUSE_SECONDS = 1.0
"""Between two cards: Teams takes four requests a second from all senders of a channel together."""

RUN = "x-ms-workflow-run-id"
"""The field that names the run: the flow's history shows it, and there what became of the card."""

_HINTS = {
    400: "The flow did not understand the card: look at its run history.",
    401: "Its trigger is not open to this caller (docs/notices.md); copy its address again after a change of that.",
    403: "Its trigger is not open to this caller (docs/notices.md); copy its address again after a change of that.",
    404: "The flow is gone or turned off.",
    410: "The flow is gone.",
    413: "The card is too large.",
}


class Teams:
    """A channel. `at_most_twice`: it would show a message as often as it arrives."""

    name = "teams"
    at_most_twice = True

    def __init__(
        self, url: SecretStr, line: Line, pause: float = PAUSE_SECONDS, *, audience: str | None = None
    ) -> None:
        """`audience` names for whom a token of Entra is shown; None shows none."""
        self._url, self._line, self._pause, self._audience = url, line, pause, audience
        self._last: float | None = None

    def send(self, letter: Letter) -> Outcome:
        """Post the card, at most one a second."""
        return self._post(message(letter), letter.id, letter.now)

    def send_digest(self, digest: Digest) -> Outcome:
        """Post one card about several incidents."""
        return self._post(digest_card(digest), digest.id, digest.now)

    def _post(self, payload: dict[str, Any], message_id: str, now: str) -> Outcome:
        wrong = problems(payload)
        if wrong:
            return Refused(f"The card would be lost in Teams: {wrong[0]}"[:300])
        if self._last is not None:
            time.sleep(max(0.0, self._last + self._pause - time.monotonic()))
        # The id goes along, so that the flow's history shows which message a run was.
        headers = {"content-type": "application/json", "x-ms-client-tracking-id": message_id}
        answer = post(self._url, msgspec.json.encode(payload), headers, self._line, self._audience)
        self._last = time.monotonic()
        if isinstance(answer, Later | Refused):
            return answer
        return outcome(answer, now, name=RUN, hints=_HINTS)


def make(settings: Sinks, line: Line) -> Teams | None:
    """Give the channel that the settings name; None where they name none. Raises `Misconfigured`."""
    url = settings.teams.url
    if url is None:
        return None
    checked_address("sinks.teams.url", url.get_secret_value(), settings.teams.hosts, allow_loopback=line.allow_loopback)
    return Teams(url, line, audience=settings.teams.audience if settings.teams.auth == "entra" else None)


def message(letter: Letter) -> dict[str, Any]:
    """Give what is posted."""
    news = reasons(letter.notices)
    return card(letter.incident, letter.runbook, letter.texts, redact=letter.redact, now=letter.now, news=news)
