"""Jira Cloud's REST API v3 on loopback, as its pages describe it: issues, comments, transitions, a search that lags."""

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.servers.tickets import CREDENTIAL, PERSON, US, Asked, Ticket, TicketServer, says
from tests.servers.webhooks import Says

STATUSES = {"1": ("To Do", "new"), "2": ("In Progress", "indeterminate"), "3": ("Done", "done")}
GONE = {"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}}
BLOCKS = {"paragraph", "heading", "bulletList", "orderedList", "codeBlock", "table", "rule", "blockquote"}


LONGEST = 32_767
TOO_LONG = says(400, {"errorMessages": ["CONTENT_LIMIT_EXCEEDED"], "errors": {}})
"""What JRACLOUD-78553 shows."""


class JiraServer(TicketServer):
    """One project. A new issue is found by the search only `lag` seconds later; pages of the search hold one issue."""

    sink = "jira"
    done_status = "3"
    moved_on = "2"
    create_path = "/rest/api/3/issue"
    comment_path = "/comment"
    search_is_get = False
    invalid = says(400, {"errorMessages": [], "errors": {"priority": "Field 'priority' cannot be set."}})
    invalid_words = "priority: Field 'priority' cannot be set."

    def __init__(self) -> None:
        super().__init__()
        self.lag = 0.0
        self.page = 100

    def settings(self) -> dict[str, Any]:
        """Give the settings of a sink that writes here."""
        return {"jira": {"url": self.url, "user": "bot@contoso.example", "token": CREDENTIAL, "project": "MAIL"}}

    def is_known(self, asked: Asked) -> bool:
        """Check the address of the account and its token."""
        wanted = base64.b64encode(f"bot@contoso.example:{CREDENTIAL}".encode()).decode()
        return asked.headers.get("authorization") == f"Basic {wanted}"

    def routes(self) -> Iterator[tuple[str, str, Callable[..., Says]]]:
        """Give the requests of an issue's life."""
        yield "POST", "rest/api/3/search/jql", self.search
        yield (
            "POST",
            "rest/api/3/search",
            lambda _: says(410, {"errorMessages": ["The requested API has been removed."]}),
        )
        yield "POST", "rest/api/3/issue", self.create
        yield "GET", "rest/api/3/issue/*", self.read
        yield "GET", "rest/api/3/issue/*/comment", self.comments
        yield "POST", "rest/api/3/issue/*/comment", self.comment
        yield "GET", "rest/api/3/issue/*/transitions", self.transitions
        yield "POST", "rest/api/3/issue/*/transitions", self.move

    def search(self, asked: Asked) -> Says:
        """Find by project, label and category of the status, in the order of creation; the token leads to the next page."""
        body = asked.json()
        found = re.fullmatch(
            r'project = "MAIL" AND labels = "([\w-]+)" AND statusCategory != Done ORDER BY created ASC', body["jql"]
        )
        if found is None:
            return says(400, {"errorMessages": ["Error in the JQL Query"], "errors": {}})
        shown = [
            {"id": name, "key": f"MAIL-{one.number}", "fields": {"labels": one.fields["labels"]}}
            for name, one in self.tickets.items()
            if found[1] in one.fields["labels"] and not self.is_done(one) and time.monotonic() - one.made_at >= self.lag
        ]
        at = int(body.get("nextPageToken", "0"))
        until = at + self.page
        following = {"nextPageToken": str(until)} if until < len(shown) else {}
        return says(200, {"issues": shown[at:until], "isLast": not following, **following})

    def create(self, asked: Asked) -> Says:
        """Make an issue of required fields."""
        fields = asked.json()["fields"]
        errors = {name: f"{name} is required." for name in ("project", "issuetype", "summary") if not fields.get(name)}
        if len(fields["summary"]) > 255:
            errors["summary"] = "Summary must be less than 255 characters."
        if any(" " in label for label in fields["labels"]):
            errors["labels"] = "The label contains spaces which is invalid."
        check(fields["description"])
        if is_too_long(fields["description"]):
            return TOO_LONG
        if errors:
            return says(400, {"errorMessages": [], "errors": errors})
        number = len(self.tickets) + 1
        name = str(10_000 + number)
        self.tickets[name] = Ticket(number, fields["summary"], words(fields["description"]), "", "1", fields)
        self.tickets[name].key = next(one for one in fields["labels"] if one != "bounce-triage")
        return says(201, {"id": name, "key": f"MAIL-{number}", "self": f"{self.url}/rest/api/3/issue/{name}"})

    def read(self, asked: Asked, name: str) -> Says:
        """Give the fields that were asked for."""
        ticket = self.tickets.get(name)
        if ticket is None:
            return says(404, GONE)
        title, category = STATUSES[ticket.status]
        fields = {
            "status": {"id": ticket.status, "name": title, "statusCategory": {"key": category}},
            "assignee": {"accountId": ticket.assignee} if ticket.assignee else None,
            "creator": {"accountId": ticket.creator},
            "description": ticket.fields["description"],
        }
        return says(200, {"id": name, "fields": {one: fields[one] for one in asked.query["fields"].split(",")}})

    def comments(self, asked: Asked, name: str) -> Says:
        """Give a page of comments, the newest first; a page holds two at most, whatever was asked for."""
        ticket = self.tickets.get(name)
        if ticket is None:
            return says(404, GONE)
        assert asked.query["orderBy"] == "-created"
        at = int(asked.query["startAt"])
        shown = [{"author": {"accountId": who}, "body": text_document(text)} for who, text in reversed(ticket.comments)]
        page = {"comments": shown[at : at + 2], "startAt": at, "maxResults": 2, "total": len(shown)}
        return says(200, page)

    def comment(self, asked: Asked, name: str) -> Says:
        """Add a comment."""
        ticket = self.tickets.get(name)
        if ticket is None:
            return says(404, GONE)
        check(asked.json()["body"])
        if is_too_long(asked.json()["body"]):
            return TOO_LONG
        ticket.comments.append((US, words(asked.json()["body"])))
        return says(201, {"id": str(len(ticket.comments))})

    def transitions(self, _asked: Asked, name: str) -> Says:
        """Offer a transition to each other status."""
        if name not in self.tickets:
            return says(404, GONE)
        offered = [
            {"id": f"{one}1", "name": title, "to": {"id": one, "statusCategory": {"key": category}}}
            for one, (title, category) in STATUSES.items()
            if one != self.tickets[name].status
        ]
        return says(200, {"transitions": offered})

    def move(self, asked: Asked, name: str) -> Says:
        """Go through a transition."""
        if name not in self.tickets:
            return says(404, GONE)
        self.tickets[name].status = asked.json()["transition"]["id"][:1]
        return says(204)


def is_too_long(document: Any) -> bool:
    """Hold a document against the limit in the strictest way in which it can be meant: with all of its marks."""
    return len(json.dumps(document, separators=(",", ":"))) > LONGEST


def text_document(text: str) -> dict[str, Any]:
    """Give a document of one paragraph."""
    content = [{"type": "text", "text": text}]
    return {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": content}]}


def words(node: Any) -> str:
    """Give the text of a document."""
    if isinstance(node, list):
        return " ".join(map(words, node))
    return str(node.get("text", "")) + words(node.get("content", []))


def check(document: Any) -> None:
    """Hold a document against the rules of the format that an editor enforces; an error shows in the test's output."""
    assert (document["type"], document["version"]) == ("doc", 1)
    for one in document["content"]:
        assert one["type"] in BLOCKS, one["type"]
        _check(one)


def _check(node: Any) -> None:
    inside = node.get("content", [])
    if node["type"] == "text":
        assert node["text"]
        marks = {one["type"] for one in node.get("marks", [])}
        assert "code" not in marks or marks <= {"code", "link"}
    if node["type"] in ("bulletList", "orderedList"):
        assert {one["type"] for one in inside} == {"listItem"}
    if node["type"] == "listItem":
        assert inside[0]["type"] in ("paragraph", "codeBlock")
        assert {one["type"] for one in inside} <= {"paragraph", "codeBlock", "bulletList", "orderedList"}
    if node["type"] == "codeBlock":
        assert all(one["type"] == "text" and "marks" not in one for one in inside)
    for one in inside:
        _check(one)


__all__ = ["PERSON", "JiraServer", "check", "words"]
