"""Jira Cloud: an issue for each ticket, by the REST API v3; texts are documents (ADF), a ticket is found by its label.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/. Its search is eventually consistent: what was made a moment
ago may not be found yet, so after a try that may have arrived nothing is opened before five minutes are over. The search's
`reconcileIssues` shortens that for issues whose id is known; the id is just what a lost answer leaves unknown.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from triage.errors import Misconfigured
from triage.notify.address import checked_address
from triage.notify.api import PAGES_AT_MOST, Api, Session, Stopped, basic
from triage.notify.letter import Letter
from triage.notify.outcome import Refused
from triage.notify.own_markdown import fitted, to_adf
from triage.notify.post import Line
from triage.notify.ticket_text import KEY, Text, ticket_text
from triage.notify.tickets import Look, Made, TicketSink, Turn
from triage.safe_text import cut
from triage.settings import Sinks
from triage.sink_settings import JiraSettings

TITLE_LIMIT = 255
"""Characters of a summary."""

TEXT_LIMIT = 32_000
"""Characters of a text: 32,767 are taken. What is counted is said nowhere, so the whole document counts here."""

SEARCH_LAGS = 300
"""Seconds after which a new issue is taken to be found: most are within seconds, and some "to minutes", its page says."""

_PAGE = 100
_HINTS = {
    400: "A field is missing or not taken.",
    401: "Compare the account's address and its API token.",
    403: "The account may not do this: docs/tickets.md names the permissions.",
    404: "There is no such project, or the account may not see it.",
}


class Jira:
    """One project of one site."""

    name = "jira"
    search_lags = SEARCH_LAGS
    newest_first = True
    limit = TEXT_LIMIT

    def __init__(self, api: Api, settings: JiraSettings) -> None:
        self.api, self._settings = api, settings

    def render(self, markdown: str) -> str:
        """Give the document of a text as it is sent."""
        return _render(markdown)

    def find(self, session: Session, key: str) -> Made | None:
        """Find by the label what is not done."""
        jql = (
            f'project = "{self._settings.project}" AND labels = "{key}" AND statusCategory != Done ORDER BY created ASC'
        )
        body: dict[str, Any] = {"jql": jql, "fields": ["labels"], "maxResults": 50}
        for _ in range(PAGES_AT_MOST):
            found = session.ask("POST", "/rest/api/3/search/jql", body, reads=True).json
            for one in found["issues"]:
                if key in one["fields"]["labels"]:
                    return Made(str(one["id"]), str(one["key"]))
            if found.get("isLast", True) or not found.get("nextPageToken"):
                return None
            body["nextPageToken"] = found["nextPageToken"]
        return None

    def create(self, session: Session, key: str, text: Text) -> Made:
        """Open an issue."""
        made = session.ask("POST", "/rest/api/3/issue", {"fields": fields(self._settings, key, text)}).json
        return Made(str(made["id"]), str(made["key"]))

    def look(self, session: Session, remote: str) -> Look:
        """Read status, assignee, and the comments, the newest first."""
        wanted = "status,assignee,creator,description"
        found = session.ask("GET", f"/rest/api/3/issue/{remote}?fields={wanted}", of_ticket=True).json["fields"]
        creator = (found.get("creator") or {}).get("accountId")
        comments = list(self._comments(session, remote))
        return Look(
            status=str(found["status"]["id"]),
            assignee=str((found.get("assignee") or {}).get("accountId", "")),
            is_done=found["status"]["statusCategory"]["key"] == "done",
            texts=[_words(found.get("description")), *(_words(one["body"]) for one in comments)],
            by_others=any((one.get("author") or {}).get("accountId") != creator for one in comments),
        )

    def _comments(self, session: Session, remote: str) -> Iterable[Any]:
        at = 0
        for _ in range(PAGES_AT_MOST):
            path = f"/rest/api/3/issue/{remote}/comment?orderBy=-created&maxResults={_PAGE}&startAt={at}"
            page = session.ask("GET", path, of_ticket=True).json
            yield from page["comments"]
            at += len(page["comments"])
            if not page["comments"] or at >= int(page["total"]):
                return

    def write(self, session: Session, remote: str, look: Look, text: Text | None, turn: Turn) -> None:
        """Add a comment, then go through a transition."""
        del look
        if text is not None:
            session.ask("POST", f"/rest/api/3/issue/{remote}/comment", {"body": document(text)}, of_ticket=True)
        if turn == "stay":
            return
        own = self._settings
        name = own.close_transition if turn == "close" else own.open_transition
        path = f"/rest/api/3/issue/{remote}/transitions"
        offered = session.ask("GET", path, of_ticket=True).json["transitions"]
        for one in offered:
            leads_to_done = one["to"]["statusCategory"]["key"] == "done"
            if one["name"] == name if name is not None else leads_to_done == (turn == "close"):
                session.ask("POST", path, {"transition": {"id": one["id"]}}, of_ticket=True)
                return
        wanted = (
            f"named “{name}”"
            if name is not None
            else "to a status that is " + ("" if turn == "close" else "not ") + "done"
        )
        raise Stopped(Refused(f"The comment is written. The issue offers no transition {wanted} to this account."))


def fields(settings: JiraSettings, key: str, text: Text) -> dict[str, Any]:
    """Give the fields of a new issue."""
    more: dict[str, Any] = {}
    for one in settings.fields:
        name, _, value = one.partition("=")
        more[name] = msgspec.json.decode(value) if value[:1] in ("{", "[") else value
    labels = more.pop("labels", [])
    return {
        **more,
        "project": {"key": settings.project},
        "issuetype": {"name": settings.issue_type},
        "summary": cut(text.title, TITLE_LIMIT),
        "labels": ["bounce-triage", key, *(labels if isinstance(labels, list) else [labels])],
        "description": document(text),
    }


def document(text: Text) -> dict[str, Any]:
    """Give the body as a document that fits."""
    return to_adf(fitted(text.body, text.tail, text.cut_here, TEXT_LIMIT, _render))


def _render(markdown: str) -> str:
    return msgspec.json.encode(to_adf(markdown)).decode()


def _words(node: Any) -> str:
    """Give the text of a document, in which a mark is looked for. Its depth is the vendor's; a deep one is cut off."""
    found: list[str] = []
    todo = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, list):
            todo.extend(reversed(one))
        elif isinstance(one, dict):
            if one.get("type") == "text":
                found.append(str(one.get("text", "")))
            todo.append(one.get("content"))
        elif isinstance(one, str):
            found.append(one)
    return " ".join(found)


def complaints(body: Any) -> Iterable[str]:
    """Find what an error says, by field."""
    return [
        *map(str, body.get("errorMessages", ())),
        *(f"{name}: {said}" for name, said in body.get("errors", {}).items()),
    ]


def make(settings: Sinks, line: Line) -> TicketSink | None:
    """Give the sink that the settings name; None where they name none. Raises `Misconfigured`."""
    own = settings.jira
    if own.url is None:
        return None
    checked_address("sinks.jira.url", own.url, own.hosts, allow_loopback=line.allow_loopback)
    if not own.project:
        raise Misconfigured("sinks.jira.url is set and sinks.jira.project is not.")
    _check_fields(own)
    credentials = _credentials(own)
    api = Api(own.url.rstrip("/"), line, lambda: credentials, hints=_HINTS, complaints=complaints)
    return TicketSink(Jira(api, own))


def _check_fields(own: JiraSettings) -> None:
    for one in own.fields:
        name, equals, value = one.partition("=")
        try:
            if not name or not equals:
                raise ValueError
            if value[:1] in ("{", "["):
                msgspec.json.decode(value)
        except (ValueError, msgspec.DecodeError):
            raise Misconfigured("sinks.jira.fields holds an entry that is not `name=value`, or no JSON.") from None


def _credentials(own: JiraSettings) -> Mapping[str, str]:
    if own.user is None or own.token is None:
        raise Misconfigured("sinks.jira.url is set, and not both of sinks.jira.user and sinks.jira.token are.")
    return basic(own.user, own.token)


def message(letter: Letter) -> dict[str, Any]:
    """Give the fields of the issue that would be opened."""
    return {"fields": fields(JiraSettings(), KEY + letter.incident.id, ticket_text(letter, "jira"))}
