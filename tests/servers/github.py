"""GitHub's REST API for issues on loopback, as its pages describe it: labels, comments, pages led by Link."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.servers.tickets import CREDENTIAL, US, Asked, Ticket, TicketServer, says
from tests.servers.webhooks import Says

NOT_FOUND = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}


NO_LABELS = says(
    403,
    {
        "message": "You do not have permission to create labels on this repository.",
        "errors": [{"resource": "Repository", "field": "label", "code": "unauthorized"}],
    },
)
"""What is answered since April 2025 to a token that may write issues and make no labels."""


class GitHubServer(TicketServer):
    """The issues of one repository; a pull request with the same label is listed among them. A page holds two."""

    sink = "github"
    done_status = "closed"
    moved_on = "closed"
    create_path = "/issues"
    comment_path = "/comments"
    invalid = says(
        422,
        {"message": "Validation Failed", "errors": [{"resource": "Issue", "field": "title", "code": "missing_field"}]},
    )
    invalid_words = "title missing_field"
    page = 2

    def __init__(self) -> None:
        super().__init__()
        self.keeps_labels = True
        self.makes_labels = True

    def settings(self) -> dict[str, Any]:
        """Give the settings of a sink that writes here."""
        return {"github": {"url": self.url, "repository": "contoso/mail", "token": CREDENTIAL}}

    def is_known(self, asked: Asked) -> bool:
        """Check the token and the version of the API."""
        assert asked.headers["x-github-api-version"] == "2022-11-28"
        assert asked.headers["user-agent"]
        return asked.headers.get("authorization") == f"Bearer {CREDENTIAL}"

    def routes(self) -> Iterator[tuple[str, str, Callable[..., Says]]]:
        """Give the requests of an issue's life."""
        yield "GET", "repos/contoso/mail/issues", self.search
        yield "POST", "repos/contoso/mail/issues", self.create
        yield "GET", "repos/contoso/mail/issues/*", self.read
        yield "PATCH", "repos/contoso/mail/issues/*", self.change
        yield "GET", "repos/contoso/mail/issues/*/comments", self.comments
        yield "POST", "repos/contoso/mail/issues/*/comments", self.comment

    def search(self, asked: Asked) -> Says:
        """List by labels and state; pull requests first."""
        wanted = set(filter(None, asked.query.get("labels", "").split(",")))
        pulls = [{"number": 900 + n, "pull_request": {}, "labels": []} for n in range(3)]
        found = [
            self.shown(one)
            for one in self.tickets.values()
            if wanted <= set(one.fields["labels"]) and asked.query["state"] in (one.status, "all")
        ]
        if asked.query.get("direction") == "desc":
            shown = [*reversed(found), *pulls]
            return says(200, shown[: int(asked.query["per_page"])])
        return self._paged(asked, pulls + found)

    def _paged(self, asked: Asked, everything: list[dict[str, Any]]) -> Says:
        page = int(asked.query.get("page", "1"))
        shown = everything[(page - 1) * self.page : page * self.page]
        if page * self.page >= len(everything):
            return says(200, shown)
        rest = "&".join(f"{name}={value}" for name, value in asked.query.items() if name != "page")
        return says(
            200, shown, link=f'<{self.url}{asked.path}?{rest}&page={page + 1}>; rel="next", <x?page=9>; rel="last"'
        )

    def create(self, asked: Asked) -> Says:
        """Make an issue; labels are dropped without a word where the token may not set them."""
        body = asked.json()
        if not body.get("title") or len(body["title"]) > 256 or len(body["body"]) > 65_536:
            return self.invalid
        if body["labels"] and not self.makes_labels:
            return NO_LABELS
        number = len(self.tickets) + 1
        body["labels"] = body["labels"] if self.keeps_labels else []
        key = next((one for one in body["labels"] if one.startswith("bounce-triage-")), "")
        self.tickets[str(number)] = Ticket(number, body["title"], body["body"], key, "open", body)
        return says(201, self.shown(self.tickets[str(number)]))

    def shown(self, ticket: Ticket) -> dict[str, Any]:
        """Give an issue as the API shows it."""
        return {
            "number": ticket.number,
            "state": ticket.status,
            "body": ticket.body,
            "user": {"login": ticket.creator},
            "assignees": [{"login": ticket.assignee}] if ticket.assignee else [],
            "labels": [{"name": one} for one in ticket.fields["labels"]],
        }

    def read(self, _asked: Asked, name: str) -> Says:
        """Give an issue; 410 for a deleted one."""
        return says(200, self.shown(self.tickets[name])) if name in self.tickets else says(410, NOT_FOUND)

    def change(self, asked: Asked, name: str) -> Says:
        """Change the state."""
        if name not in self.tickets:
            return says(410, NOT_FOUND)
        self.tickets[name].status = asked.json()["state"]
        return says(200, self.shown(self.tickets[name]))

    def comments(self, asked: Asked, name: str) -> Says:
        """List comments, the oldest first."""
        if name not in self.tickets:
            return says(410, NOT_FOUND)
        shown = [{"user": {"login": who}, "body": text} for who, text in self.tickets[name].comments]
        return self._paged(asked, shown)

    def comment(self, asked: Asked, name: str) -> Says:
        """Add a comment."""
        if name not in self.tickets:
            return says(410, NOT_FOUND)
        self.tickets[name].comments.append((US, asked.json()["body"]))
        return says(201, {"id": len(self.tickets[name].comments)})
