"""Azure DevOps' REST API for work items on loopback, as its pages describe it: JSON patches that test the revision."""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.servers.tickets import CREDENTIAL, US, Asked, Ticket, TicketServer, says
from tests.servers.webhooks import Says

STATES = {"To Do": "Proposed", "Doing": "InProgress", "Done": "Completed"}
"""The type Issue of the process Basic."""


def missing(name: str) -> Says:
    """Say that there is no such item."""
    return says(
        404, {"message": f"TF401232: Work item {name} does not exist, or you do not have permissions to read it."}
    )


class AzureDevOpsServer(TicketServer):
    """The items of one project. `entra` is what is taken in place of a personal access token."""

    sink = "azure_devops"
    done_status = "Done"
    moved_on = "Doing"
    create_path = "/workitems/"
    comment_method, comment_path = "PATCH", "/workitems/"
    invalid = says(
        400,
        {"message": "TF401320: Rule Error for field Area. Error code: Required.", "typeKey": "RuleValidationException"},
    )
    invalid_words = "TF401320: Rule Error for field Area."

    def __init__(self) -> None:
        super().__init__()
        self.entra: str | None = None

    def settings(self) -> dict[str, Any]:
        """Give the settings of a sink that writes here."""
        return {"azure_devops": {"url": f"{self.url}/contoso", "project": "Mail flow", "token": CREDENTIAL}}

    def is_known(self, asked: Asked) -> bool:
        """Check a personal access token (as a password without a name), or a bearer token."""
        if self.entra is not None:
            return asked.headers.get("authorization") == f"Bearer {self.entra}"
        return asked.headers.get("authorization") == "Basic " + base64.b64encode(f":{CREDENTIAL}".encode()).decode()

    def routes(self) -> Iterator[tuple[str, str, Callable[..., Says]]]:
        """Give the requests of an item's life."""
        yield "POST", "contoso/Mail%20flow/_apis/wit/wiql", self.search
        yield "GET", "contoso/Mail%20flow/_apis/wit/workitemtypes/Issue/states", self.states
        yield "POST", "contoso/Mail%20flow/_apis/wit/workitems/$Issue", self.create
        yield "GET", "contoso/Mail%20flow/_apis/wit/workitems/*", self.read
        yield "PATCH", "contoso/Mail%20flow/_apis/wit/workitems/*", self.change
        yield "GET", "contoso/Mail%20flow/_apis/wit/workItems/*/comments", self.comments

    def search(self, asked: Asked) -> Says:
        """Find by a tag: CONTAINS finds longer tags too."""
        found = re.search(r"\[System.Tags\] CONTAINS '([^']+)'", asked.json()["query"])
        assert found is not None
        hits = [name for name, one in self.tickets.items() if found[1] in one.fields["System.Tags"]]
        return says(200, {"queryType": "flat", "workItems": [{"id": int(name)} for name in hits]})

    def states(self, _asked: Asked) -> Says:
        """Give the states of the type."""
        return says(200, {"count": 3, "value": [{"name": one, "category": two} for one, two in STATES.items()]})

    def create(self, asked: Asked) -> Says:
        """Make an item of a JSON patch."""
        if asked.headers["content-type"] != "application/json-patch+json":
            return says(415, {"message": "Media type"})
        fields = {one["path"].removeprefix("/fields/"): one["value"] for one in asked.json() if one["op"] == "add"}
        if not fields.get("System.Title") or len(fields["System.Title"]) > 255:
            return self.invalid
        number = len(self.tickets) + 1
        key = next(one for one in fields["System.Tags"].split("; ") if one != "bounce-triage")
        made = Ticket(number, fields["System.Title"], fields["System.Description"], key, "To Do", fields)
        self.tickets[str(number)] = made
        return says(200, {"id": number, "rev": 1})

    def read(self, asked: Asked, name: str) -> Says:
        """Give the fields that were asked for; those without a value are left out."""
        ticket = self.tickets.get(name)
        if ticket is None:
            return missing(name)
        fields = {
            "System.State": ticket.status,
            "System.CreatedBy": {"uniqueName": ticket.creator, "displayName": "Bot"},
            "System.Tags": ticket.fields["System.Tags"],
            "System.Description": ticket.body,
        }
        if ticket.assignee:
            fields["System.AssignedTo"] = {"uniqueName": ticket.assignee}
        wanted = asked.query["fields"].split(",")
        shown = {one: value for one, value in fields.items() if one in wanted}
        return says(200, {"id": int(name), "rev": ticket.version, "fields": shown})

    def change(self, asked: Asked, name: str) -> Says:
        """Apply a JSON patch whose test holds."""
        ticket = self.tickets.get(name)
        if ticket is None:
            return missing(name)
        patch = asked.json()
        assert patch[0]["op"] == "test"
        if patch[0]["value"] != ticket.version:
            return says(
                412,
                {"message": "VS403351: Test Operation for path /rev failed.", "typeKey": "TestPatchOperationFailed"},
            )
        for one in patch[1:]:
            if one["path"] == "/fields/System.History":
                ticket.comments.append((US, one["value"]))
            elif one["path"] == "/fields/System.State":
                if one["value"] not in STATES:
                    return self.invalid
                ticket.status = one["value"]
        ticket.version += 1
        return says(200, {"id": int(name), "rev": ticket.version})

    def comments(self, asked: Asked, name: str) -> Says:
        """Give two comments at a time, the newest first."""
        ticket = self.tickets.get(name)
        if ticket is None:
            return missing(name)
        assert asked.query["order"] == "desc"
        at = int(asked.query.get("continuationToken", "0"))
        shown = [{"text": text, "createdBy": {"uniqueName": who}} for who, text in reversed(ticket.comments)]
        following = {"continuationToken": str(at + 2)} if at + 2 < len(shown) else {}
        return says(200, {"totalCount": len(shown), "comments": shown[at : at + 2], **following})
