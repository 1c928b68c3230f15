"""ServiceNow: an incident for each ticket, by the Table API; text is plain, and later news are work notes.

https://docs.servicenow.com: Table API. A ticket is found by its correlation_id.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from triage.errors import Misconfigured
from triage.notify.address import checked_address
from triage.notify.api import Api, Session, basic
from triage.notify.letter import Letter
from triage.notify.own_markdown import fitted, to_plain
from triage.notify.post import Line
from triage.notify.ticket_text import KEY, MARK, Text, ticket_text
from triage.notify.tickets import Look, Made, TicketSink, Turn
from triage.safe_text import cut
from triage.settings import Sinks
from triage.sink_settings import ServiceNowSettings

TITLE_LIMIT = 160
"""Characters of short_description, as the table is shipped."""

_HINTS = {
    401: "Compare user and password, or the key, with those of the instance.",
    403: "The user may not do this: docs/tickets.md names the roles. A data policy may want a field.",
    404: "There is no such table, or the user may not see it.",
}
_CODE = re.compile(r"\[(?=/?code\])", re.IGNORECASE)
_HEADING = re.compile(r"^\d\S*[^\n]{0,60} - (?P<who>[^\n]{1,120}) \([^\n()]{1,60}\)$", re.MULTILINE)
"""The line above each entry of a journal: time, name, kind."""


class ServiceNow:
    """One table of one instance."""

    name = "servicenow"
    search_lags = 0
    newest_first = True

    def __init__(self, api: Api, settings: ServiceNowSettings) -> None:
        self.api, self._settings = api, settings
        self._path = f"/api/now/table/{settings.table}"
        self.limit = settings.text_limit

    def render(self, markdown: str) -> str:
        """Give the plain text of a text."""
        return _render(markdown)

    def find(self, session: Session, key: str) -> Made | None:
        """Find by correlation_id what is not finished."""
        done = ",".join(self._settings.done_states)
        query = quote(f"correlation_id={key}^active=true^stateNOT IN{done}^ORDERBYsys_created_on")
        reply = session.ask("GET", f"{self._path}?sysparm_query={query}&sysparm_fields=sys_id,number&sysparm_limit=1")
        found = reply.json["result"]
        return _made(found[0]) if found else None

    def create(self, session: Session, key: str, text: Text) -> Made:
        """Open an incident. Where a rule of the instance cut its text, its name says so."""
        made = session.ask("POST", self._path, fields(self._settings, key, text)).json["result"]
        found = _made(made)
        if text.mark in str(made.get("description", text.mark)):
            return found
        return Made(found.remote, f"{found.shown} (its text was cut there: set sinks.servicenow.text_limit)")

    def look(self, session: Session, remote: str) -> Look:
        """Read state, assignee, and the journals as they are shown: the entries themselves need a right of their own."""
        wanted = "state,active,assigned_to,description,work_notes,comments"
        path = f"{self._path}/{remote}?sysparm_display_value=all&sysparm_fields={wanted}"
        found = session.ask("GET", path, of_ticket=True).json["result"]
        status = str(found["state"]["value"])
        journals = "\n\n".join(
            str(found.get(name, {}).get("display_value") or "") for name in ("work_notes", "comments")
        )
        return Look(
            status=status,
            assignee=str(found["assigned_to"]["value"] or ""),
            is_done=status in self._settings.done_states or found["active"]["value"] == "false",
            texts=(str(found["description"]["value"] or ""), journals),
            by_others=_by_others(journals),
        )

    def write(self, session: Session, remote: str, look: Look, text: Text | None, turn: Turn) -> None:
        """Add a work note and change the state, in one request."""
        del look
        own = self._settings
        body: dict[str, Any] = {} if text is None else {"work_notes": plain(text, self.limit)}
        if turn == "close":
            note = text.body.splitlines()[0] if text is not None else "bounce-triage"
            body |= {"state": own.close_state, "close_code": own.close_code, "close_notes": cut(to_plain(note), 1_000)}
        elif turn == "open":
            body["state"] = own.open_state
        session.ask("PATCH", f"{self._path}/{remote}", body, of_ticket=True)


def _made(found: Any) -> Made:
    return Made(str(found["sys_id"]), str(found["number"]))


def _by_others(journals: str) -> bool:
    """Tell whether an entry of the journals has no mark of ours, or another author than those that have one."""
    heads = list(_HEADING.finditer(journals))
    ends = [*(one.start() for one in heads[1:]), len(journals)]
    entries = [(head["who"], MARK in journals[head.end() : end]) for head, end in zip(heads, ends, strict=False)]
    ours = {who for who, is_ours in entries if is_ours}
    return not all(is_ours for _, is_ours in entries) or len(ours) > 1


def fields(settings: ServiceNowSettings, key: str, text: Text) -> dict[str, Any]:
    """Give the fields of a new incident."""
    return {
        "correlation_display": "bounce-triage",
        **dict(one.split("=", 1) for one in settings.fields),
        "short_description": _calm(cut(text.title, TITLE_LIMIT)),
        "description": plain(text, settings.text_limit),
        "correlation_id": key,
    }


def plain(text: Text, limit: int) -> str:
    """Give the body as plain text that fits."""
    return _render(fitted(text.body, text.tail, text.cut_here, limit, _render))


def _render(markdown: str) -> str:
    return _calm(to_plain(markdown))


def _calm(text: str) -> str:
    """Take its meaning from [code], behind which a journal reads HTML."""
    return _CODE.sub("[ ", text)


def complaints(body: Any) -> Iterable[str]:
    """Find what an error says."""
    error = body["error"]
    return [str(error[name]) for name in ("message", "detail") if error.get(name)]


def make(settings: Sinks, line: Line) -> TicketSink | None:
    """Give the sink that the settings name; None where they name none. Raises `Misconfigured`."""
    own = settings.servicenow
    if own.url is None:
        return None
    checked_address("sinks.servicenow.url", own.url, own.hosts, allow_loopback=line.allow_loopback)
    for one in own.fields:
        if "=" not in one:
            raise Misconfigured("sinks.servicenow.fields holds an entry that is not `name=value`.")
    credentials = _credentials(own)
    api = Api(own.url.rstrip("/"), line, lambda: credentials, hints=_HINTS, complaints=complaints)
    return TicketSink(ServiceNow(api, own))


def _credentials(own: ServiceNowSettings) -> Mapping[str, str]:
    if own.api_key is not None:
        return {"x-sn-apikey": own.api_key.get_secret_value()}
    if own.user is None or own.password is None:
        raise Misconfigured("sinks.servicenow.url is set, and neither user and password nor api_key is.")
    return basic(own.user, own.password)


def message(letter: Letter) -> dict[str, Any]:
    """Give the fields of the ticket that would be opened."""
    return fields(ServiceNowSettings(), KEY + letter.incident.id, ticket_text(letter, "servicenow"))
