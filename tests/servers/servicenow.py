"""ServiceNow's Table API on loopback, as its pages describe it: one table of incidents with journals."""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.servers.tickets import CREDENTIAL, PERSON, US, Asked, Ticket, TicketServer, says
from tests.servers.webhooks import Says

NO_RECORD = {
    "error": {"message": "No Record found", "detail": "Record doesn't exist or ACL restricts the record retrieval"},
    "status": "failure",
}
NO_CLOSE_CODE = {
    "error": {
        "message": "Operation Failed",
        "detail": "Data Policy Exception: The following fields are mandatory: Resolution code",
    },
    "status": "failure",
}
NAMES = {US: "Bounce Triage", PERSON: "Karin Novak"}


class ServiceNowServer(TicketServer):
    """The incident table. It takes texts of any length, as the platform does, unless a rule `enforces` one."""

    done_status = "6"
    sink = "servicenow"
    moved_on = "2"
    search_is_get = True
    create_path = "table/incident"
    comment_method, comment_path = "PATCH", "table/incident"
    invalid = says(400, {"error": {"message": "Invalid value for field urgency", "detail": ""}, "status": "failure"})
    invalid_words = "Invalid value for field urgency"
    enforces: int | None = None

    def settings(self) -> dict[str, Any]:
        """Give the settings of a sink that writes here."""
        return {"servicenow": {"url": self.url, "user": US, "password": CREDENTIAL}}

    def is_known(self, asked: Asked) -> bool:
        """Check user and password (RFC 7617)."""
        wanted = base64.b64encode(f"{US}:{CREDENTIAL}".encode()).decode()
        return asked.headers.get("authorization") == f"Basic {wanted}"

    def is_done(self, ticket: Ticket) -> bool:
        """Resolved, closed or cancelled."""
        return ticket.status in ("6", "7", "8")

    def routes(self) -> Iterator[tuple[str, str, Callable[..., Says]]]:
        """Give the four requests of the table."""
        yield "GET", "api/now/table/incident", self.search
        yield "POST", "api/now/table/incident", self.create
        yield "GET", "api/now/table/incident/*", self.read
        yield "PATCH", "api/now/table/incident/*", self.change

    def search(self, asked: Asked) -> Says:
        """Find by an encoded query of the terms that a sink may use."""
        found = list(self.tickets.items())
        for term in asked.query["sysparm_query"].split("^"):
            if term.startswith("correlation_id="):
                found = [one for one in found if one[1].key == term.partition("=")[2]]
            elif term == "active=true":
                found = [one for one in found if one[1].status != "7"]
            elif term.startswith("stateNOT IN"):
                found = [one for one in found if one[1].status not in term.removeprefix("stateNOT IN").split(",")]
            elif not term.startswith("ORDERBY"):
                return says(400, {"error": {"message": "Invalid query"}, "status": "failure"})
        found = found[: int(asked.query.get("sysparm_limit", "10000"))]
        return says(200, {"result": [{"sys_id": name, "number": number(one)} for name, one in found]})

    def create(self, asked: Asked) -> Says:
        """Insert a record."""
        body = asked.json()
        name = f"{len(self.tickets) + 1:032x}"
        self.tickets[name] = Ticket(
            number=len(self.tickets) + 1,
            title=body["short_description"][:160],
            body=body["description"][: self.enforces],
            key=body["correlation_id"],
            status="1",
            fields=body,
        )
        shown = {
            "sys_id": name,
            "number": number(self.tickets[name]),
            "state": "1",
            "description": self.tickets[name].body,
        }
        return says(201, {"result": shown}, location=f"{self.url}/api/now/table/incident/{name}")

    def read(self, asked: Asked, name: str) -> Says:
        """Give a record with stored and shown values."""
        ticket = self.tickets.get(name)
        if ticket is None:
            return says(404, NO_RECORD)
        assert asked.query["sysparm_display_value"] == "all"
        shown = {
            "state": (ticket.status, {"1": "New", "2": "In Progress", "6": "Resolved"}.get(ticket.status, "")),
            "active": (str(ticket.status != "7").lower(), ""),
            "assigned_to": (ticket.assignee, NAMES.get(ticket.assignee, "")),
            "description": (ticket.body, ticket.body),
            "work_notes": ("", journal(ticket)),
            "comments": ("", ""),
        }
        wanted = asked.query["sysparm_fields"].split(",")
        return says(200, {"result": {one: {"value": shown[one][0], "display_value": shown[one][1]} for one in wanted}})

    def change(self, asked: Asked, name: str) -> Says:
        """Change fields and add to the journal."""
        ticket = self.tickets.get(name)
        if ticket is None:
            return says(404, NO_RECORD)
        body = asked.json()
        if body.get("state") == "6" and not (body.get("close_code") and body.get("close_notes")):
            return says(403, NO_CLOSE_CODE)
        if "work_notes" in body:
            ticket.comments.append((US, body["work_notes"][: self.enforces]))
        ticket.status = body.get("state", ticket.status)
        ticket.fields |= body
        return says(200, {"result": {"sys_id": name}})


def number(ticket: Ticket) -> str:
    """Give the number that people read."""
    return f"INC{ticket.number:07d}"


def journal(ticket: Ticket) -> str:
    """Give the journal as it is shown, the newest first."""
    entries = [
        f"2026-11-25 0{n % 10}:00:00 - {NAMES[who]} (Work notes)\n{text}\n"
        for n, (who, text) in enumerate(ticket.comments)
    ]
    assert all(re.match(r"\d{4}-", one) for one in entries)
    return "\n".join(reversed(entries))
