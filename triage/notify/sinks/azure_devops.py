"""Azure DevOps: a work item for each ticket, by the REST API 7.1; texts are HTML, a ticket is found by its tag.

https://learn.microsoft.com/rest/api/azure/devops/wit. Each change tests the item's revision, so that it overtakes
nobody's. The identity of the app is enough where the organization knows it; else a personal access token.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from triage.errors import Misconfigured
from triage.notify.address import checked_address
from triage.notify.api import PAGES_AT_MOST, Api, Session, Stopped, basic
from triage.notify.letter import Letter
from triage.notify.outcome import Later, Refused
from triage.notify.own_markdown import fitted, to_html
from triage.notify.post import Line, bearer
from triage.notify.ticket_text import KEY, Text, ticket_text
from triage.notify.tickets import Look, Made, TicketSink, Turn
from triage.safe_text import cut
from triage.settings import Sinks
from triage.sink_settings import AzureDevOpsSettings

SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps in Entra: the same in every tenant."""

TITLE_LIMIT = 255
"""Characters of System.Title."""

TEXT_LIMIT = 100_000
"""Characters of HTML in a field or a comment: far above a whole ticket, far below what is taken."""

VERSION = "api-version=7.1"
COMMENTS = "api-version=7.1-preview.4"
_PAGE = 200
_WIQL = (
    "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project"
    " AND [System.Tags] CONTAINS 'KEY' ORDER BY [System.Id] ASC"
)
_PATCH = "application/json-patch+json"
_CHANGED = frozenset({409, 412})
"""Somebody changed the item after we looked at it."""

_HINTS = {
    203: "It asks for a sign-in: the token is wrong or has expired.",
    302: "It asks for a sign-in: the token is wrong or has expired.",
    401: "The token is wrong or has expired, or the organization does not know this identity.",
    403: "It may not do this: docs/tickets.md names the permissions.",
    404: "There is no such project or type of work item, or it may not be seen.",
}


class AzureDevOps:
    """The work items of one project."""

    name = "azure_devops"
    search_lags = 30
    newest_first = True
    limit = TEXT_LIMIT

    def __init__(self, api: Api, settings: AzureDevOpsSettings) -> None:
        self.api, self._settings = api, settings
        self._path = f"/{quote(settings.project, safe='')}/_apis/wit"

    def render(self, markdown: str) -> str:
        """Give the HTML of a text."""
        return to_html(markdown)

    def find(self, session: Session, key: str) -> Made | None:
        """Find by the tag, the oldest first, what is not in a completed state."""
        done = self._states(session, "Completed", "Removed")
        wiql = _WIQL.replace("KEY", key)
        path = f"{self._path}/wiql?$top=50&{VERSION}"
        for one in session.ask("POST", path, {"query": wiql}, reads=True).json["workItems"]:
            wanted = f"{self._path}/workitems/{one['id']}?fields=System.Tags,System.State&{VERSION}"
            found = session.ask("GET", wanted, takes=frozenset({404})).json
            if found is None:
                continue
            tags = [tag.strip() for tag in str(found["fields"].get("System.Tags", "")).split(";")]
            if key in tags and found["fields"]["System.State"] not in done:
                return _made(found)
        return None

    def create(self, session: Session, key: str, text: Text) -> Made:
        """Open a work item."""
        path = f"{self._path}/workitems/${quote(self._settings.type, safe='')}?{VERSION}"
        return _made(self._ask(session, "POST", path, patch(self._settings, key, text)))

    def look(self, session: Session, remote: str) -> Look:
        """Read state, assignee, revision, and the comments."""
        own = body_field(self._settings)
        wanted = f"System.State,System.AssignedTo,System.CreatedBy,{own}"
        path = f"{self._path}/workitems/{remote}?fields={wanted}&{VERSION}"
        found = session.ask("GET", path, of_ticket=True).json
        fields = found["fields"]
        creator = _person(fields.get("System.CreatedBy"))
        comments = list(self._comments(session, remote))
        return Look(
            status=str(fields["System.State"]),
            assignee=_person(fields.get("System.AssignedTo")),
            is_done=str(fields["System.State"]) in self._states(session, "Completed", "Removed", "Resolved"),
            texts=[str(fields.get(own) or ""), *(str(one.get("text") or "") for one in comments)],
            by_others=any(_person(one.get("createdBy")) != creator for one in comments),
            version=int(found["rev"]),
        )

    def _comments(self, session: Session, remote: str) -> Iterable[Any]:
        token = ""
        for _ in range(PAGES_AT_MOST):
            following = f"&continuationToken={quote(token, safe='')}" if token else ""
            path = f"{self._path}/workItems/{remote}/comments?$top={_PAGE}&order=desc{following}&{COMMENTS}"
            page = session.ask("GET", path, of_ticket=True).json
            yield from page["comments"]
            token = str(page.get("continuationToken") or "")
            if not token:
                return

    def write(self, session: Session, remote: str, look: Look, text: Text | None, turn: Turn) -> None:
        """Add a comment and change the state, in one request and one revision."""
        changes: list[dict[str, Any]] = [{"op": "test", "path": "/rev", "value": look.version}]
        if text is not None:
            changes.append(_add("System.History", html(text)))
        if turn != "stay":
            changes.append(_add("System.State", self._state_for(session, turn)))
        self._ask(session, "PATCH", f"{self._path}/workitems/{remote}?{VERSION}", changes, of_ticket=True)

    def _ask(self, session: Session, method: str, path: str, changes: Any, *, of_ticket: bool = False) -> Any:
        reply = session.ask(method, path, changes, content_type=_PATCH, takes=_CHANGED, of_ticket=of_ticket)
        if reply.status in _CHANGED:
            raise Stopped(Later("Somebody changed the work item at this moment.", 5))
        return reply.json

    def _states(self, session: Session, *categories: str) -> list[str]:
        path = f"{self._path}/workitemtypes/{quote(self._settings.type, safe='')}/states?{VERSION}"
        states = session.ask("GET", path).json["value"]
        return [str(one["name"]) for one in states if one["category"] in categories]

    def _state_for(self, session: Session, turn: Turn) -> str:
        own = self._settings
        named = own.close_state if turn == "close" else own.open_state
        found = [named] if named is not None else self._states(session, "Completed" if turn == "close" else "Proposed")
        if not found:
            raise Stopped(Refused(f"The type “{own.type}” has no state of this kind: name one in the settings."))
        return found[0]


def _made(found: Any) -> Made:
    return Made(str(found["id"]), f"#{found['id']}")


def _person(found: Any) -> str:
    return str(found.get("uniqueName") or found.get("id") or "") if isinstance(found, dict) else str(found or "")


def _add(name: str, value: str) -> dict[str, Any]:
    return {"op": "add", "path": f"/fields/{name}", "value": value}


def body_field(settings: AzureDevOpsSettings) -> str:
    """Give the field that shows the text: the form of a Bug has no description."""
    bug = "Microsoft.VSTS.TCM.ReproSteps" if settings.type == "Bug" else "System.Description"
    return settings.body_field or bug


def patch(settings: AzureDevOpsSettings, key: str, text: Text) -> list[dict[str, Any]]:
    """Give the changes that make a new work item (RFC 6902)."""
    more = dict(one.split("=", 1) for one in settings.fields)
    tags = "; ".join(filter(None, ("bounce-triage", key, more.pop("System.Tags", ""))))
    return [
        *(_add(name, value) for name, value in more.items()),
        _add("System.Title", cut(text.title, TITLE_LIMIT)),
        _add("System.Tags", tags),
        _add(body_field(settings), html(text)),
    ]


def html(text: Text) -> str:
    """Give the body as HTML that fits."""
    return to_html(fitted(text.body, text.tail, text.cut_here, TEXT_LIMIT, to_html))


def complaints(body: Any) -> Iterable[str]:
    """Find what an error says."""
    return [str(body["message"])]


def make(settings: Sinks, line: Line) -> TicketSink | None:
    """Give the sink that the settings name; None where they name none. Raises `Misconfigured`."""
    own = settings.azure_devops
    if own.url is None:
        return None
    checked_address("sinks.azure_devops.url", own.url, own.hosts, allow_loopback=line.allow_loopback)
    if not own.project:
        raise Misconfigured("sinks.azure_devops.url is set and sinks.azure_devops.project is not.")
    if any("=" not in one for one in own.fields):
        raise Misconfigured("sinks.azure_devops.fields holds an entry that is not `name=value`.")

    def credentials() -> Mapping[str, str] | Later | Refused:
        return bearer(line, SCOPE) if own.token is None else basic("", own.token)

    api = Api(own.url.rstrip("/"), line, credentials, hints=_HINTS, complaints=complaints)
    return TicketSink(AzureDevOps(api, own))


def message(letter: Letter) -> dict[str, Any]:
    """Give the changes that would make the work item."""
    changes = patch(AzureDevOpsSettings(), KEY + letter.incident.id, ticket_text(letter, "azure_devops"))
    return {one["path"].removeprefix("/fields/"): one["value"] for one in changes}
