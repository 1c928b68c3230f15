"""What differs between the ticket systems: their limits, pages and ways of asking for patience, and what they would misread."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import msgspec
import pytest

from tests.notify.test_sinks import notice
from tests.servers.azure_devops import AzureDevOpsServer
from tests.servers.github import GitHubServer
from tests.servers.jira import JiraServer
from tests.servers.servicenow import ServiceNowServer
from tests.servers.tickets import CREDENTIAL, PERSON, Asked, Fault, Ticket, says
from tests.servers.webhooks import SECRET, Says, SignedReceiver, TeamsReceiver
from triage.errors import Misconfigured, Transient
from triage.group import BlobDocuments, Documents, MemoryDocuments
from triage.model import Change, FilledRunbook, Incident, Notice, Responsible
from triage.notify import Accepted, Later, Letter, Refused, Texts, open_sinks
from triage.notify.api import PAGES_AT_MOST
from triage.settings import Sinks

NOW = "2026-10-20T12:00:00Z"
SYSTEMS = [ServiceNowServer, JiraServer, GitHubServer, AzureDevOpsServer]


class Clerk:
    """Writes letters about incidents, and sends them."""

    def __init__(self, make_incident: Callable[..., Incident], runbook: FilledRunbook, texts: Texts) -> None:
        self._make, self.runbook, self._texts = make_incident, runbook, texts
        self.documents: Documents = MemoryDocuments()

    def letter(self, *notices: Notice, now: str = NOW, absorbed: tuple[str, ...] = (), **incident: Any) -> Letter:
        """Give a letter; what is not said is the seed incident, told of for the first time."""
        told = notices or (notice(),)
        made = self._make(**incident)
        name = f"{made.id}/{told[0].name}/x"
        return Letter(name, made, self.runbook, told, self._texts, True, now, absorbed, self.documents)

    def send(self, server: Any, letter: Letter, **settings: Any) -> Any:
        """Send a letter to a system."""
        (name,) = server.settings()
        own = {**server.settings()[name], **settings}
        return open_sinks(Sinks(allow_loopback=True, **{name: own}))[name].send(letter)


@pytest.fixture
def clerk(make_incident: Callable[..., Incident], runbook: FilledRunbook, texts: Texts) -> Clerk:
    """Give a clerk with an empty store."""
    return Clerk(make_incident, runbook, texts)


def seconds_later(count: int) -> str:
    """Give a time after NOW."""
    at = datetime.fromisoformat(NOW).timestamp() + count
    return datetime.fromtimestamp(at, datetime.fromisoformat(NOW).tzinfo).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---- texts


@pytest.mark.parametrize("system", SYSTEMS)
def test_hostile_words_stay_words(clerk: Clerk, system: type[Any]) -> None:
    """A host that is named to mean something in each system means nothing in any: no HTML, no mention, no macro."""
    name = "[code]<img src=x onerror=alert(1)>[/code] @octocat closes #1 {panel} [~admin] www.evil.example"
    verdict = clerk.letter().incident.verdict
    blamed = msgspec.structs.replace(
        verdict, responsible=Responsible(kind="host", side="sending", host=name, ours=True)
    )
    with system() as server:
        assert isinstance(clerk.send(server, clerk.letter(verdict=blamed)), Accepted)
        ticket = server.only()
    assert "\n" not in ticket.title
    if system is AzureDevOpsServer:
        assert "<img" not in ticket.body
    if system is GitHubServer:
        assert "@octocat" not in ticket.body
        assert "#1" not in ticket.body
    if system is ServiceNowServer:
        assert "[code]" not in ticket.body.lower()
        assert "[/code]" not in ticket.body.lower()


@pytest.mark.parametrize("system", SYSTEMS)
def test_recipients_and_subjects_are_hidden(clerk: Clerk, system: type[Any]) -> None:
    """By default a ticket shows neither whose mail it is nor what it is about."""
    with system() as server:
        clerk.send(server, clerk.letter())
        ticket = server.only()
    assert "anna.b@" not in ticket.body
    assert "Offer 4711" not in ticket.body


# ---- finding and pages


def test_jira_is_not_asked_again_before_its_search_can_know(clerk: Clerk) -> None:
    """A try whose answer was lost, and a search that lags: nothing is opened for five minutes; then the issue is found."""
    with JiraServer() as server:
        server.lag = 3600.0
        server.faults.append(Fault("POST", server.create_path, says(502), is_done=True))
        first = clerk.send(server, clerk.letter())
        assert isinstance(first, Later)
        assert first.unsure
        soon = clerk.send(server, clerk.letter(now=seconds_later(10)))
        assert isinstance(soon, Later)
        assert (soon.seconds, soon.unsure) == (60, True)
        late = clerk.send(server, clerk.letter(now=seconds_later(280)))
        assert isinstance(late, Later)
        assert (late.seconds, late.unsure) == (20, True)
        server.lag = 0.0
        assert clerk.send(server, clerk.letter(now=seconds_later(301))) == Accepted("MAIL-1")
        assert len(server.tickets) == 1


def test_jira_search_is_read_page_by_page(clerk: Clerk) -> None:
    """The token of a page leads to the next one; an issue whose label only resembles ours is none of ours."""
    with JiraServer() as server:
        clerk.send(server, clerk.letter())
        ours = server.tickets.pop("10001")
        server.page = 1
        for number in (1, 2):
            other = dict(ours.fields)
            server.tickets[str(number)] = type(ours)(number, "t", "b", "k", "3" if number == 1 else "1", other)
            server.tickets[str(number)].fields["labels"] = ["bounce-triage", f"{ours.key}-{number}"]
        server.tickets["10001"] = ours
        clerk.documents = MemoryDocuments()
        assert clerk.send(server, clerk.letter()) == Accepted("MAIL-1")
        assert len(server.tickets) == 3


def test_all_comments_of_a_long_ticket_are_read(clerk: Clerk) -> None:
    """Our mark is found, and somebody else's word counts, though it stands on the last page."""
    for system in (JiraServer, GitHubServer, AzureDevOpsServer):
        clerk.documents = MemoryDocuments()
        with system() as server:
            clerk.send(server, clerk.letter())
            for number in range(7):
                grew = Change(kind="grew", at=NOW, text=f"{number}")
                clerk.send(server, clerk.letter(notice(f"grew:{10**number}", whys=(grew,))))
            again = clerk.letter(notice("grew:1", whys=(Change(kind="grew", at=NOW, text="0"),)))
            assert isinstance(clerk.send(server, again), Accepted)
            ticket = server.only()
            assert len(ticket.comments) == 7
            ticket.comments.insert(3, (PERSON, "mine"))
            over = Change(kind="resolved", at=NOW, text="mended")
            clerk.send(server, clerk.letter(notice("resolved:1", whys=(over,)), state="resolved"))
            assert not server.is_done(ticket)


def test_pages_have_an_end(clerk: Clerk) -> None:
    """A listing that leads on for ever is read so far and no further."""

    class Endless(GitHubServer):
        def comments(self, asked: Asked, name: str) -> Says:
            """Lead on and on."""
            del name
            page = int(asked.query.get("page", "1")) + 1
            return says(200, [], link=f'<{self.url}/x?page={page}>; rel="next"')

    with Endless() as server:
        assert isinstance(clerk.send(server, clerk.letter()), Accepted)
        assert server.count("GET", "/comments") == PAGES_AT_MOST


def test_a_dropped_label_is_told(clerk: Clerk) -> None:
    """GitHub drops labels without a word where a token may not set them: the name that is kept says so."""
    with GitHubServer() as server:
        server.keeps_labels = False
        result = clerk.send(server, clerk.letter())
    assert isinstance(result, Accepted)
    assert "without its labels" in (result.remote or "")


def test_an_issue_is_opened_without_a_label_that_may_not_be_made(clerk: Clerk) -> None:
    """A token that may write issues and make no labels: one issue without them, found again by its text."""
    with GitHubServer() as server:
        server.makes_labels = False
        result = clerk.send(server, clerk.letter())
        assert isinstance(result, Accepted)
        assert "without its labels" in (result.remote or "")
        clerk.documents = MemoryDocuments()
        assert clerk.send(server, clerk.letter()) == Accepted("#1")
        assert len(server.tickets) == 1


def test_an_issue_without_its_label_is_found_by_its_text(clerk: Clerk) -> None:
    """The answer to the opening was lost and the label dropped: the issue is taken on, and no second one opened."""
    with GitHubServer() as server:
        server.keeps_labels = False
        server.faults.append(Fault("POST", server.create_path, says(502), is_done=True))
        assert isinstance(clerk.send(server, clerk.letter()), Later)
        asks: dict[str, Any] = {"labels": []}
        server.tickets["2"] = Ticket(
            2, "About it", "Is bounce-triage-inc-2026-0001 ours?", "", "open", asks, creator=PERSON
        )
        assert clerk.send(server, clerk.letter(now=seconds_later(200))) == Accepted("#1")
        assert len(server.tickets) == 2
        assert server.tickets["1"].comments == []
        assert "<!-- bounce-triage-inc-2026-0001 -->" in server.tickets["1"].body


# ---- patience


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (says(403, {"message": "secondary rate limit"}, retry_after="17"), 17),
        (says(429, {"message": "x"}, retry_after="30"), 30),
        (says(403, {"message": "x"}, x_ratelimit_remaining="0", x_ratelimit_reset="1792497690"), 90),
        (says(429, {"message": "x"}, x_ratelimit_remaining="0", x_ratelimit_reset="1"), 1),
        (says(403, {"message": "You have exceeded a secondary rate limit."}), 60),
        (says(429, {"message": "x"}), 60),
        (says(403, {"message": "x"}, x_ratelimit_remaining="0", x_ratelimit_reset="99999999999"), 6 * 3600),
    ],
)
def test_githubs_limits_are_waited_for(clerk: Clerk, answer: Says, seconds: int) -> None:
    """Retry-After, then the time of the reset (1792497690 is 12:01:30), else a minute (docs.github.com: rate limits)."""
    with GitHubServer() as server:
        server.faults.append(Fault("POST", "/issues", answer))
        result = clerk.send(server, clerk.letter())
        assert server.tickets == {}
    assert isinstance(result, Later)
    assert (result.seconds, result.unsure) == (seconds, False)


def test_a_403_of_githubs_that_is_no_limit_is_for_a_person(clerk: Clerk) -> None:
    """Without any word of a limit, the token may not do it."""
    with GitHubServer() as server:
        server.faults.append(Fault("POST", "/issues", says(403, {"message": "Resource not accessible"})))
        result = clerk.send(server, clerk.letter())
    assert isinstance(result, Refused)
    assert "write issues" in result.reason


def test_a_change_between_look_and_write_is_looked_at_again(clerk: Clerk) -> None:
    """The revision of a work item moved on: nothing is written over it, and the next try sees what happened."""

    class Busy(AzureDevOpsServer):
        def comments(self, asked: Asked, name: str) -> Says:
            """Let somebody change the item right after it was read."""
            answer = super().comments(asked, name)
            self.tickets[name].version += 1
            return answer

    grew = Change(kind="grew", at=NOW, text="120 messages")
    with Busy() as server:
        clerk.send(server, clerk.letter())
        result = clerk.send(server, clerk.letter(notice("grew:100", whys=(grew,))))
        assert server.only().comments == []
    assert isinstance(result, Later)
    assert result.seconds == 5


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_answer_that_is_none_of_the_api_is_for_a_person(clerk: Clerk, system: type[Any]) -> None:
    """A sign-in page or an empty object in the place of an answer fails the notice with a sentence."""
    for answer in (Says(200, {}, b"<html>sign in</html>"), says(200, {}), says(200, []), Says(302, {"location": "/x"})):
        clerk.documents = MemoryDocuments()
        with system() as server:
            server.faults.extend(Fault(method, "", answer) for method in ("GET", "POST"))
            result = clerk.send(server, clerk.letter())
            assert isinstance(result, Refused)
            assert "fault of ours" not in result.reason


# ---- Entra


def test_azure_devops_by_the_apps_identity(clerk: Clerk) -> None:
    """Without a token of its own it is shown one of Entra, for Azure DevOps and nothing else."""
    asked: list[str] = []

    def token(scope: str) -> str:
        asked.append(scope)
        return "an-entra-token"

    with AzureDevOpsServer() as server:
        server.entra = "an-entra-token"
        own = {"url": f"{server.url}/contoso", "project": "Mail flow"}
        sinks = open_sinks(Sinks(allow_loopback=True, azure_devops=own), token)
        assert sinks["azure_devops"].send(clerk.letter()) == Accepted("#1")
    assert set(asked) == {"499b84ac-1321-427f-aa17-267ca6975798/.default"}


@pytest.mark.parametrize(
    ("error", "kind"), [(Misconfigured("No identity."), Refused), (Transient("Not now."), Later), (None, Refused)]
)
def test_no_token_of_entra_is_told(clerk: Clerk, error: Exception | None, kind: type) -> None:
    """Without an identity a person has to look; where the identity service is away it is tried again."""

    def token(_scope: str) -> str:
        assert error is not None
        raise error

    with AzureDevOpsServer() as server:
        own = {"url": f"{server.url}/contoso", "project": "Mail flow"}
        sinks = open_sinks(Sinks(allow_loopback=True, azure_devops=own), token if error is not None else None)
        result = sinks["azure_devops"].send(clerk.letter())
        assert server.asked == []
    assert isinstance(result, kind)


def test_teams_and_webhook_show_a_token_where_the_settings_ask(clerk: Clerk) -> None:
    """The scope is the audience as it is written, its slash at the end too, and `.default`; the signature stays."""
    asked: list[str] = []

    def token(scope: str) -> str:
        asked.append(scope)
        return "an-entra-token"

    with TeamsReceiver() as teams, SignedReceiver() as webhook:
        sinks = open_sinks(
            Sinks(
                allow_loopback=True,
                teams={"url": teams.url, "auth": "entra"},
                webhook={"url": webhook.url, "secret": SECRET, "auth": "entra", "audience": "api://receiver"},
            ),
            token,
        )
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        for sink in sinks.values():
            assert isinstance(sink.send(clerk.letter(now=now)), Accepted)
    assert asked == ["https://service.flow.microsoft.com//.default", "api://receiver/.default"]
    for receiver in (teams, webhook):
        assert receiver.taken[0].headers["authorization"] == "Bearer an-entra-token"


# ---- shared tickets


def over(number: int = 1) -> Notice:
    """Give the notice of an end."""
    return notice(f"resolved:{number}", whys=(Change(kind="resolved", at=NOW, text="mended"),))


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_new_incident_of_a_host_whose_ticket_is_closed_opens_another(clerk: Clerk, system: type[Any]) -> None:
    """Closed by us or by people: what comes later gets a ticket of its own, and the next one joins that."""
    for by_people in (True, False):
        clerk.documents = MemoryDocuments()
        with system() as server:
            clerk.send(server, clerk.letter(id="AAAA1111"))
            first = server.only()
            if by_people:
                first.status = server.done_status
            else:
                clerk.send(server, clerk.letter(over(), id="AAAA1111", state="resolved"))
            assert server.is_done(first)
            clerk.send(server, clerk.letter(id="BBBB2222"))
            clerk.send(server, clerk.letter(id="CCCC3333"))
            assert len(server.tickets) == 2
            (second,) = server.open_ones()
            assert "CCCC3333" in second.texts()[0]


def test_a_return_goes_on_in_the_hosts_open_ticket(clerk: Clerk) -> None:
    """Its own ticket is closed and the host has a newer one: the return is said there, and the old one stays closed."""
    back = notice("reopened:1", whys=(Change(kind="reopened", at=NOW, text="the fault is back"),))
    with GitHubServer() as server:
        clerk.send(server, clerk.letter(id="AAAA1111"))
        clerk.send(server, clerk.letter(over(), id="AAAA1111", state="resolved"))
        clerk.send(server, clerk.letter(id="BBBB2222"))
        clerk.send(server, clerk.letter(back, id="AAAA1111"))
        old, new = server.tickets.values()
        assert server.is_done(old)
        assert "AAAA1111" in new.texts()[-1]
        clerk.send(server, clerk.letter(over(), id="BBBB2222", state="resolved"))
        assert not server.is_done(new)
        clerk.send(server, clerk.letter(over(2), id="AAAA1111", state="resolved"))
        assert server.is_done(new)
        assert len(old.comments) == 1


def test_an_incident_that_went_on_in_another_keeps_no_ticket_open(clerk: Clerk) -> None:
    """Two incidents turn out to be one: the ticket of the first goes on with the other, and closes with it."""
    with JiraServer() as server:
        clerk.send(server, clerk.letter(id="AAAA1111"))
        grew = notice("grew:100", whys=(Change(kind="grew", at=NOW, text="120 messages"),))
        clerk.send(server, clerk.letter(grew, id="BBBB2222", absorbed=("AAAA1111",)))
        clerk.send(server, clerk.letter(over(), id="BBBB2222", absorbed=("AAAA1111",), state="resolved"))
        assert server.is_done(server.only())


def test_a_verdict_that_comes_to_blame_a_host_joins_its_ticket(clerk: Clerk) -> None:
    """An incident with a ticket of its own is told in the host's too; each closes when all in it is over."""
    blamed = clerk.letter().incident.verdict
    nobody = msgspec.structs.replace(blamed, responsible=Responsible())
    turn = notice("verdict:0a1b2c3d", whys=(Change(kind="verdict-changed", at=NOW, text="from x to y"),))
    with AzureDevOpsServer() as server:
        clerk.send(server, clerk.letter(id="AAAA1111"))
        clerk.send(server, clerk.letter(id="BBBB2222", verdict=nobody))
        assert len(server.tickets) == 2
        clerk.send(server, clerk.letter(turn, id="BBBB2222", verdict=blamed))
        hosts, own = server.tickets.values()
        assert "blames the same host" in hosts.texts()[-1]
        assert "verdict" in own.texts()[-1]
        assert len(server.tickets) == 2
        clerk.send(server, clerk.letter(over(), id="AAAA1111", state="resolved"))
        assert not server.is_done(hosts)
        clerk.send(server, clerk.letter(over(), id="BBBB2222", state="resolved"))
        assert server.is_done(hosts)
        assert server.is_done(own)


def test_a_verdict_that_names_a_host_first_lets_others_join(clerk: Clerk) -> None:
    """A ticket that was opened without a host becomes its host's once the verdict names one."""
    blamed = clerk.letter().incident.verdict
    nobody = msgspec.structs.replace(blamed, responsible=Responsible())
    turn = notice("verdict:0a1b2c3d", whys=(Change(kind="verdict-changed", at=NOW, text="from x to y"),))
    with ServiceNowServer() as server:
        clerk.send(server, clerk.letter(id="AAAA1111", verdict=nobody))
        clerk.send(server, clerk.letter(turn, id="AAAA1111", verdict=blamed))
        clerk.send(server, clerk.letter(id="BBBB2222", verdict=blamed))
        assert "BBBB2222" in server.only().texts()[-1]


def test_an_end_that_comes_before_the_answer_closes_what_was_opened(clerk: Clerk) -> None:
    """The answer to the opening was lost, and the incident is over at the next try: the ticket is found and closed."""
    with JiraServer() as server:
        server.faults.append(Fault("POST", server.create_path, says(502), is_done=True))
        assert isinstance(clerk.send(server, clerk.letter()), Later)
        late = clerk.letter(state="resolved", now=seconds_later(100))
        assert isinstance(clerk.send(server, late), Accepted)
        assert server.is_done(server.only())


def test_more_news_under_the_same_name_is_written(clerk: Clerk) -> None:
    """A notice that failed halfway and went out again with another one tells both, though the first was written."""
    grew = notice("grew:100", whys=(Change(kind="grew", at=NOW, text="120 messages"),))
    with JiraServer() as server:
        clerk.send(server, clerk.letter())
        clerk.send(server, clerk.letter(grew))
        clerk.send(server, clerk.letter(grew, over(), state="resolved"))
        assert len(server.only().comments) == 2
        assert server.is_done(server.only())


# ---- settings


@pytest.mark.parametrize(
    "own",
    [
        {"servicenow": {"url": "https://contoso.service-now.com"}},
        {"servicenow": {"url": "https://contoso.service-now.com.evil.example", "user": "u", "password": CREDENTIAL}},
        {"servicenow": {"url": "https://contoso.service-now.com", "api_key": CREDENTIAL, "fields": ("urgency",)}},
        {"jira": {"url": "https://contoso.atlassian.net", "user": "u", "token": CREDENTIAL}},
        {"jira": {"url": "https://contoso.atlassian.net", "project": "MAIL", "token": CREDENTIAL}},
        {"jira": {"url": "http://contoso.atlassian.net", "project": "MAIL", "user": "u", "token": CREDENTIAL}},
        {
            "jira": {
                "url": "https://x.atlassian.net",
                "project": "MAIL",
                "user": "u",
                "token": CREDENTIAL,
                "fields": ("a={",),
            }
        },
        {"azure_devops": {"url": "https://dev.azure.com/contoso"}},
        {"azure_devops": {"url": "https://dev.azure.com.evil.example/contoso", "project": "x"}},
        {"github": {"repository": "contoso/mail"}},
        {"github": {"repository": "contoso/mail", "url": "https://evil.example", "token": CREDENTIAL}},
    ],
)
def test_a_system_that_is_set_up_wrong_is_named_and_no_secret_shown(own: dict[str, Any]) -> None:
    """The error names the setting; a host that the list does not allow gets nothing."""
    (name,) = own
    with pytest.raises(Misconfigured, match=rf"sinks\.{name}") as raised:
        open_sinks(Sinks(**own))
    assert CREDENTIAL not in str(raised.value)


# ---- the store


@pytest.mark.needs_node
def test_rows_in_blobs_make_one_ticket_of_many_at_once(clerk: Clerk, container: Any) -> None:
    """Eight incidents of one host, told by eight threads over Azurite: one ticket, seven comments, nothing lost."""
    clerk.documents = BlobDocuments(container)
    ids = [f"INC{number}" for number in range(8)]
    with GitHubServer() as server, ThreadPoolExecutor(8) as pool:

        def tell(name: str) -> bool:
            for ahead in range(100):
                if isinstance(clerk.send(server, clerk.letter(id=name, now=seconds_later(ahead))), Accepted):
                    return True
                time.sleep(0.2)
            return False

        assert all(pool.map(tell, ids))
        ticket = server.only()
        said = " ".join((ticket.body, *ticket.texts()))
        assert all(f"bounce-triage: {name}/" in said for name in ids)
        assert len(ticket.comments) == 7
        for name in ids:
            assert isinstance(clerk.send(server, clerk.letter(over(), id=name, state="resolved")), Accepted)
        assert server.is_done(ticket)
