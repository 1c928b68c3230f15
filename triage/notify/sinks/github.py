"""GitHub: an issue for each ticket, by the REST API; texts are Markdown that calls nobody, a ticket is found by its label.

https://docs.github.com/rest/issues (version 2022-11-28). Listing is consistent where searching is not. Labels are dropped
without a word where the token may not push, so the key stands in the text too, where nobody sees it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from triage.errors import Misconfigured
from triage.notify.address import checked_address
from triage.notify.api import PAGES_AT_MOST, Api, Session, Stopped
from triage.notify.letter import Letter
from triage.notify.outcome import Later, Refused
from triage.notify.own_markdown import fitted, to_github
from triage.notify.post import LONGEST_WAIT, Answer, Line, retry_after
from triage.notify.ticket_text import KEY, Text, ticket_text
from triage.notify.tickets import Look, Made, TicketSink, Turn
from triage.safe_text import cut
from triage.settings import Sinks
from triage.sink_settings import GitHubSettings

VERSION = "2022-11-28"
TITLE_LIMIT = 256
"""Characters of a title."""

TEXT_LIMIT = 65_000
"""Characters of a text: 65,536 are taken."""

SECONDARY_SECONDS = 60
"""How long to wait where a secondary limit names no time: a minute at least, as its page asks."""

_PAGE = 100
_NEXT = re.compile(r'<[^>]*[?&]page=(?P<page>\d{1,6})[^>]*>;\s*rel="next"')
_LIMITED = re.compile(rb"secondary rate limit|abuse detection|API rate limit exceeded", re.IGNORECASE)
_HINTS = {
    401: "The token is wrong or has expired.",
    403: "The token may not do this: it needs to write issues in that repository.",
    404: "There is no such repository, or the token may not see it.",
    410: "The repository has its issues turned off.",
}


class GitHub:
    """The issues of one repository."""

    name = "github"
    search_lags = 0
    newest_first = False
    limit = TEXT_LIMIT

    def __init__(self, api: Api, settings: GitHubSettings) -> None:
        self.api, self._settings = api, settings
        self._path = f"/repos/{settings.repository}/issues"

    def render(self, markdown: str) -> str:
        """Give the Markdown of a text."""
        return to_github(markdown)

    def find(self, session: Session, key: str) -> Made | None:
        """Find what is open by the label, else by the key in the texts of the newest `_PAGE` issues.

        Pull requests are listed as issues too, and are none.
        """
        for one in _pages(session, f"{self._path}?labels={key}&state=open&direction=asc"):
            if "pull_request" not in one:
                return _made(one)
        newest = f"{self._path}?state=open&sort=created&direction=desc&per_page={_PAGE}"
        for one in reversed(session.ask("GET", newest).json):
            if "pull_request" not in one and _hidden(key) in str(one.get("body") or ""):
                return _made(one)
        return None

    def create(self, session: Session, key: str, text: Text) -> Made:
        """Open an issue. Where the token may not set or make labels it has none: then its name says so."""
        fields = issue(self._settings, key, text)
        try:
            made = session.ask("POST", self._path, fields).json
        except Stopped as stopped:
            if not _refuses_labels(stopped.outcome):
                raise
            made = session.ask("POST", self._path, {**fields, "labels": []}).json
        there = [label["name"] for label in made.get("labels", [])]
        found = _made(made)
        return (
            found
            if key in there
            else Made(found.remote, f"{found.shown} (without its labels: the token may not set them)")
        )

    def look(self, session: Session, remote: str) -> Look:
        """Read state, assignees, and the comments."""
        found = session.ask("GET", f"{self._path}/{remote}", of_ticket=True).json
        creator = (found.get("user") or {}).get("login")
        comments = list(_pages(session, f"{self._path}/{remote}/comments?", of_ticket=True))
        return Look(
            status=str(found["state"]),
            assignee=",".join(sorted(str(one["login"]) for one in found.get("assignees") or ())),
            is_done=found["state"] == "closed",
            texts=[str(found.get("body") or ""), *(str(one.get("body") or "") for one in comments)],
            by_others=any((one.get("user") or {}).get("login") != creator for one in comments),
        )

    def write(self, session: Session, remote: str, look: Look, text: Text | None, turn: Turn) -> None:
        """Add a comment, then close the issue or open it again."""
        del look
        if text is not None:
            session.ask("POST", f"{self._path}/{remote}/comments", {"body": body(text)}, of_ticket=True)
        if turn == "close":
            state = {"state": "closed", "state_reason": "completed"}
            session.ask("PATCH", f"{self._path}/{remote}", state, of_ticket=True)
        elif turn == "open":
            session.ask("PATCH", f"{self._path}/{remote}", {"state": "open"}, of_ticket=True)


def _refuses_labels(outcome: Later | Refused) -> bool:
    """Tell whether an issue was refused for its label: one that does not exist yet is not made for everybody."""
    return isinstance(outcome, Refused) and "label unauthorized" in outcome.words


def _made(found: Any) -> Made:
    return Made(str(found["number"]), f"#{found['number']}")


def _pages(session: Session, path: str, *, of_ticket: bool = False) -> Iterator[Any]:
    """Give what a listing holds, page by page as its Link field leads (RFC 8288); only its number is followed."""
    page = "1"
    for _ in range(PAGES_AT_MOST):
        reply = session.ask("GET", f"{path}&per_page={_PAGE}&page={page}".replace("?&", "?"), of_ticket=of_ticket)
        yield from reply.json
        following = _NEXT.search(reply.headers.get("link", ""))
        if following is None:
            return
        page = following["page"]


def issue(settings: GitHubSettings, key: str, text: Text) -> dict[str, Any]:
    """Give a new issue, with its key in a comment of HTML, which GitHub does not show."""
    return {
        "title": cut(text.title, TITLE_LIMIT),
        "body": f"{body(text)}\n{_hidden(key)}\n",
        "labels": [*settings.labels, key],
    }


def _hidden(key: str) -> str:
    return f"<!-- {key} -->"


def body(text: Text) -> str:
    """Give the body as Markdown that fits and calls nobody."""
    return to_github(fitted(text.body, text.tail, text.cut_here, TEXT_LIMIT, to_github))


def patience(answer: Answer, now: str) -> Later | None:
    """Read GitHub's limits: 403 or 429, with Retry-After, with the time of the reset, or with neither."""
    if answer.status not in (403, 429):
        return None
    reason = f"It answered {answer.status}: its limit of requests is reached."
    asked = retry_after(answer.headers, now)
    if asked is not None:
        return Later(reason, asked)
    reset = answer.headers.get("x-ratelimit-reset", "")
    if answer.headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
        from datetime import datetime

        left = int(reset[:12]) - int(datetime.fromisoformat(now).timestamp())
        return Later(reason, max(1, min(left, LONGEST_WAIT)))
    if answer.status == 429 or _LIMITED.search(answer.body):
        return Later(reason, SECONDARY_SECONDS)
    return None


def complaints(body_of_error: Any) -> Iterable[str]:
    """Find what an error says, by field."""
    yield str(body_of_error["message"])
    for one in body_of_error.get("errors", ()):
        if isinstance(one, dict):
            yield " ".join(str(one[name]) for name in ("field", "code", "message") if one.get(name))
        else:
            yield str(one)


def make(settings: Sinks, line: Line) -> TicketSink | None:
    """Give the sink that the settings name; None where they name none. Raises `Misconfigured`."""
    own = settings.github
    if own.repository is None:
        return None
    checked_address("sinks.github.url", own.url, own.hosts, allow_loopback=line.allow_loopback)
    if own.token is None:
        raise Misconfigured("sinks.github.repository is set and sinks.github.token is not.")
    token = own.token
    headers = {"accept": "application/vnd.github+json", "x-github-api-version": VERSION}
    api = Api(
        own.url.rstrip("/"),
        line,
        lambda: {"authorization": f"Bearer {token.get_secret_value()}"},
        headers=headers,
        hints=_HINTS,
        patience=patience,
        complaints=complaints,
    )
    return TicketSink(GitHub(api, own))


def message(letter: Letter) -> dict[str, Any]:
    """Give the issue that would be opened."""
    return issue(GitHubSettings(), KEY + letter.incident.id, ticket_text(letter, "github"))
