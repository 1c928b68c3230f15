"""The Graph client does the right thing whatever the service answers, and sends its token nowhere else."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from tests.servers.graph import SHARED, Fault, GraphServer, Mailbox
from triage.collect import graph as graph_module
from triage.collect.graph import Forbidden, Graph, OutOfTime, PlaceLost, Refused, checked_base
from triage.collect.graph_mailbox import GraphMailbox
from triage.errors import Misconfigured, TooLarge, Transient

INBOX = f"users/{SHARED}/mailFolders/inbox"
MIME = b"From: a@contoso.example\r\n\r\nx\r\n"


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """Give an HTTP client."""
    with httpx.Client(trust_env=False) as opened:
        yield opened


@pytest.fixture
def make(graph_server: GraphServer, client: httpx.Client) -> Callable[..., Graph]:
    """Give a function that makes a client with so many seconds, whose pauses are written down."""

    def make_(
        seconds: float = 60.0, token: Callable[[], str] | None = None, pauses: list[float] | None = None
    ) -> Graph:
        def sleep(pause: float) -> None:
            if pauses is not None:
                pauses.append(pause)
                pause = min(pause, 0.01)
            time.sleep(pause)

        give = token or graph_server.token
        deadline = time.monotonic() + seconds
        return Graph(client, give, graph_server.url, deadline=deadline, loopback=True, sleep=sleep)

    return make_


@pytest.fixture
def graph(make: Callable[..., Graph]) -> Graph:
    """Give a client with a minute."""
    return make()


@pytest.mark.parametrize(
    "url",
    [
        "https://graph.microsoft.com/v1.0",
        "https://graph.microsoft.us/v1.0/",
        "https://dod-graph.microsoft.us/v1.0",
        "https://microsoftgraph.chinacloudapi.cn/v1.0",
        "https://graph.microsoft.com:443/v1.0",
    ],
)
def test_each_cloud_has_its_address(url: str) -> None:
    """The four clouds that Microsoft's page on national deployments lists are taken."""
    assert checked_base(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://graph.microsoft.com/v1.0",
        "https://graph.microsoft.com.evil.example/v1.0",
        "https://evil.example/graph.microsoft.com/v1.0",
        "https://graph.microsoft.com@evil.example/v1.0",
        "https://evil.example\\@graph.microsoft.com/v1.0",
        "https://graph.microsoft.com:8443/v1.0",
        "https://graph.microsoft.com:x/v1.0",
        "https://graph.microsoft.com /v1.0",
        "http://127.0.0.1:80/v1.0",
        "graph.microsoft.com",
        "",
    ],
)
def test_a_token_goes_to_graph_alone(url: str) -> None:
    """Any other address in the settings is refused before a token is fetched."""
    with pytest.raises(Misconfigured, match=r"mailbox\.graph_url"):
        checked_base(url)


def test_loopback_is_for_tests_alone() -> None:
    """This machine is taken only where a test says so, and then no other host."""
    assert checked_base("http://127.0.0.1:80/v1.0", loopback=True)
    with pytest.raises(Misconfigured):
        checked_base("http://192.0.2.1/v1.0", loopback=True)


def test_every_request_asks_for_immutable_ids(graph: Graph, graph_server: GraphServer) -> None:
    """Folders, lists, messages, moves: each request has the header, else the service gives ids that change."""
    mail = graph_server.deliver(MIME)
    mailbox = GraphMailbox(graph, SHARED)
    page = mailbox.changes(mailbox.folder("inbox"), None)
    done = mailbox.made_folder("Done")
    assert [one.id for one in page.messages] == [mail.id]
    mailbox.move(mail.id, done)
    assert (mailbox.mime(mail.id), mailbox.where(mail.id)) == (MIME, done)
    assert graph_server.without_id_type == 0


@pytest.mark.parametrize("status", [429, 503, 504])
def test_retry_after_in_seconds_is_waited_for(
    make: Callable[..., Graph], graph_server: GraphServer, status: int
) -> None:
    """The service says how long to wait; that long it is left alone, then asked again."""
    graph_server.faults.append(Fault("GET", status, headers={"Retry-After": "1"}))
    began = time.monotonic()
    assert make().get(INBOX) == {"id": "f-inbox"}
    assert 1.0 <= time.monotonic() - began < 2.0
    assert graph_server.asked("mailFolders") == 2


def test_retry_after_as_a_date_is_waited_for(make: Callable[..., Graph], graph_server: GraphServer) -> None:
    """A date (RFC 9110 §10.2.3) is counted from the service's own clock, so that ours may be wrong."""
    ahead = datetime.now(UTC) + timedelta(days=1)
    dates = {"Date": format_datetime(ahead, usegmt=True)}
    later = {"Retry-After": format_datetime(ahead + timedelta(seconds=1), usegmt=True)}
    graph_server.faults.append(Fault("GET", 429, headers={**later, **dates}))
    began = time.monotonic()
    assert make(seconds=30).get(INBOX)
    assert 1.0 <= time.monotonic() - began < 2.0


def test_a_throttled_client_pauses_as_a_whole(make: Callable[..., Graph], graph_server: GraphServer) -> None:
    """Where one request is told to wait, no other is made meanwhile."""
    graph_server.faults.append(Fault("one", 429, headers={"Retry-After": "1"}))
    graph = make()
    began = time.monotonic()
    first = threading.Thread(target=lambda: _ignore(graph, f"{INBOX}/one"))
    first.start()
    while not graph_server.asked("one"):
        time.sleep(0.005)
    time.sleep(0.1)  # the answer is read
    graph.get(INBOX)
    assert time.monotonic() - began >= 1.0
    first.join()


def _ignore(graph: Graph, path: str) -> None:
    with pytest.raises(Refused):
        graph.get(path)


def test_a_wait_beyond_the_deadline_ends_the_run(make: Callable[..., Graph], graph_server: GraphServer) -> None:
    """A pause that lasts longer than the run is not slept through: the next run goes on."""
    graph_server.faults.append(Fault("GET", 429, headers={"Retry-After": "3600"}))
    began = time.monotonic()
    with pytest.raises(OutOfTime):
        make(seconds=30).get(INBOX)
    assert time.monotonic() - began < 5


def test_a_service_that_never_stops_throttling_is_left_alone(
    make: Callable[..., Graph], graph_server: GraphServer
) -> None:
    """Also with a wait of no time each, the number of requests is bounded."""
    graph_server.faults.append(Fault("GET", 429, headers={"Retry-After": "0"}, times=1000))
    with pytest.raises(Transient, match="429"):
        make().get(INBOX)
    assert len(graph_server.requests) == graph_module.THROTTLED_TRIES


def test_failures_are_tried_again_with_growing_pauses(make: Callable[..., Graph], graph_server: GraphServer) -> None:
    """A failing service gets longer and longer pauses, and few requests."""
    pauses: list[float] = []
    graph_server.faults.append(Fault("GET", 500, times=1000))
    with pytest.raises(Transient, match="500 serviceNotAvailable"):
        make(pauses=pauses).get(INBOX)
    assert (pauses, len(graph_server.requests)) == ([1.0, 2.0, 4.0], graph_module.TRIES)


def test_a_broken_connection_is_tried_again(make: Callable[..., Graph]) -> None:
    """Nobody at the other end: tried a few times, then told as passing."""
    pauses: list[float] = []
    with httpx.Client(trust_env=False) as client:
        lost = Graph(
            client,
            lambda: "t",
            "http://127.0.0.1:1",
            deadline=time.monotonic() + 60,
            loopback=True,
            sleep=pauses.append,
        )
        with pytest.raises(Transient, match="connection fails"):
            lost.get("x")
    assert pauses == [1.0, 2.0, 4.0]


def test_an_expired_token_is_renewed_once(make: Callable[..., Graph], graph_server: GraphServer) -> None:
    """A token that expires in the middle of a run is fetched anew, and the request is made again."""
    given: list[str] = []

    def token() -> str:
        given.append(graph_server.token())
        return given[-1]

    graph = make(token=token)
    graph.get(INBOX)
    graph_server.expire_tokens()
    assert graph.get(INBOX) == {"id": "f-inbox"}
    assert len(given) == 2


def test_a_refused_fresh_token_is_the_operators_matter(make: Callable[..., Graph], graph_server: GraphServer) -> None:
    """A second refusal ends the run with a sentence, after two requests."""
    with pytest.raises(Misconfigured, match="401 InvalidAuthenticationToken"):
        make(token=lambda: "not a token").get(INBOX)
    assert len(graph_server.requests) == 2


def test_no_access_names_the_way_to_get_it(graph: Graph, graph_server: GraphServer) -> None:
    """403 tells of RBAC for Applications and of the script, and repeats nothing of the service's text."""
    graph_server.forbidden.add(SHARED)
    with pytest.raises(Forbidden, match="RBAC for Applications") as caught:
        graph.get(INBOX)
    assert "grant-mailbox.ps1" in str(caught.value)
    assert "secret@contoso.example" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code"),
    [(410, "SyncStateNotFound"), (400, "syncStateNotFound"), (404, "resyncRequired"), (410, "anything")],
)
def test_a_forgotten_place_is_told_apart(graph: Graph, graph_server: GraphServer, status: int, code: str) -> None:
    """410, and the codes that stand for it with another status, mean: list everything anew."""
    graph_server.faults.append(Fault("GET", status, code))
    with pytest.raises(PlaceLost):
        graph.get(INBOX)


def test_other_refusals_are_told_with_their_code(graph: Graph, graph_server: GraphServer) -> None:
    """What no other case covers is raised with status and code, without the service's text."""
    graph_server.faults.append(Fault("GET", 400, "ErrorInvalidIdMalformed"))
    with pytest.raises(Refused, match="400 ErrorInvalidIdMalformed") as caught:
        graph.get(INBOX)
    assert (caught.value.status, "secret@" in str(caught.value)) == (400, False)


def test_a_redirect_is_not_followed(graph: Graph, graph_server: GraphServer) -> None:
    """A token is not carried to where an answer points."""
    graph_server.faults.append(Fault("GET", 302, headers={"Location": "http://127.0.0.1:1/"}, body=b"{}"))
    with pytest.raises(Refused, match="302"):
        graph.get(INBOX)


@pytest.mark.parametrize(
    "base",
    [
        "http://127.0.0.1:1/v1.0",
        "https://graph.microsoft.com/v1.0",
        "http://127.0.0.1.evil.example/v1.0",
        "http://user@127.0.0.1/v1.0",
        "http:\\\\127.0.0.1/v1.0",
        "file:///etc",
    ],
)
def test_a_link_that_leads_elsewhere_is_not_followed(graph: Graph, graph_server: GraphServer, base: str) -> None:
    """The place to go on from must lie on the service's own host: it would get the token."""
    graph_server.link_base = base
    with pytest.raises(Transient, match="another host"):
        GraphMailbox(graph, SHARED).changes("inbox", None)
    with pytest.raises(Transient, match="another host"):
        GraphMailbox(graph, SHARED).changes("inbox", f"{base}/users/{SHARED}/mailFolders/inbox/messages/delta")
    assert graph_server.asked("delta") == 1


def test_an_endless_answer_is_cut_off(graph: Graph, graph_server: GraphServer) -> None:
    """A message past the bound is refused while it is being read."""
    graph_server.faults.append(Fault("value", 200, body=b"x" * 3_000_000))
    with pytest.raises(TooLarge, match="more than 1 MB"):
        graph.raw(f"users/{SHARED}/messages/x/$value", 2**20)


def test_a_slow_answer_ends_with_the_run(make: Callable[..., Graph], graph_server: GraphServer) -> None:
    """A service that does not answer holds a run no longer than its deadline."""
    graph_server.faults.append(Fault("GET", 0, seconds=5, times=10))
    began = time.monotonic()
    with pytest.raises((OutOfTime, Transient)):
        make(seconds=1.0).get(INBOX)
    assert time.monotonic() - began < 3


def test_a_body_that_only_drips_is_given_up(
    graph: Graph, graph_server: GraphServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is kept alive byte by byte does not count as progress: each request has its seconds."""
    monkeypatch.setattr(graph_module, "REQUEST_SECONDS", -1.0)
    monkeypatch.setattr(graph_module, "FIRST_PAUSE", 0.01)
    with pytest.raises(Transient, match="ReadTimeout"):
        graph.get(INBOX)
    assert graph_server.asked("mailFolders") == graph_module.TRIES


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'"x"', b"", b"\xff"])
def test_an_answer_that_is_no_json_object_is_told(graph: Graph, graph_server: GraphServer, body: bytes) -> None:
    """A proxy's page is no answer of Graph's."""
    graph_server.faults.append(Fault("GET", 200, body=body or b" "))
    with pytest.raises(Transient, match="proxy"):
        graph.get(INBOX)


@pytest.mark.parametrize("body", [b"{}", b'{"id": 5}', b'{"id": ""}', b'{"value": {}}'])
def test_an_answer_without_its_fields_is_told(graph: Graph, graph_server: GraphServer, body: bytes) -> None:
    """Nothing is made up for what an answer lacks."""
    graph_server.faults.append(Fault("GET", 200, body=body, times=3))
    mailbox = GraphMailbox(graph, SHARED)
    for ask in (lambda: mailbox.folder("inbox"), lambda: mailbox.changes("inbox", None), lambda: mailbox.where("x")):
        with pytest.raises(Transient):
            ask()


def test_never_more_than_four_requests_at_once(graph: Graph, graph_server: GraphServer) -> None:
    """However many threads ask, the service sees four at most, and so never has to throttle."""
    graph_server.deliver(MIME)
    (mail,) = graph_server.mailbox.mail
    graph_server.value_seconds = 0.1
    mailbox = GraphMailbox(graph, SHARED)
    threads = [threading.Thread(target=mailbox.mime, args=(mail,)) for _ in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert graph_server.at_once == 4
    assert len(graph_server.requests) == 16


def test_a_folder_is_made_once(graph: Graph, graph_server: GraphServer) -> None:
    """The folder for what was read is made where it is missing, and found where it is there, in any case of letters."""
    mailbox = GraphMailbox(graph, SHARED)
    assert mailbox.made_folder("It's done") == mailbox.made_folder("it's DONE")
    assert graph_server.asked("POST") == 1


def test_a_missing_mailbox_or_folder_is_named(graph: Graph) -> None:
    """A misspelt address or folder is the operator's matter, and the sentence names the settings."""
    with pytest.raises(Misconfigured, match=r"mailbox\.folder"):
        GraphMailbox(graph, SHARED).folder("no-such-folder")
    with pytest.raises(Misconfigured, match=r"nobody@contoso\.example"):
        GraphMailbox(graph, "nobody@contoso.example").folder("inbox")


def test_an_address_cannot_leave_its_place_in_the_path(graph: Graph, graph_server: GraphServer) -> None:
    """Slashes and question marks in an address, a folder or an id are text, not paths."""
    graph_server.mailboxes["a/../b?x=1#@contoso.example"] = Mailbox()
    with pytest.raises(Misconfigured):
        GraphMailbox(graph, "a/../b?x=1#@contoso.example").folder("../inbox?$x")
    assert graph_server.requests[-1].startswith("GET /v1.0/users/a/../b?x=1#@contoso.example/mailFolders/../inbox?$x")


def test_a_folder_that_another_run_makes_first_is_taken(graph: Graph, graph_server: GraphServer) -> None:
    """Two runs that find it missing make it once: the refusal of the second (409) is no error."""
    there = Fault("POST", 409, "ErrorFolderExists", after=lambda: graph_server.mailbox.folders.update({"f-x": "Done"}))
    graph_server.faults.append(there)
    assert GraphMailbox(graph, SHARED).made_folder("Done") == "f-x"


def test_a_folder_that_cannot_be_made_is_told(graph: Graph, graph_server: GraphServer) -> None:
    """A name that the service refuses is the operator's matter."""
    graph_server.faults.append(Fault("POST", 400, "ErrorInvalidFolderName"))
    with pytest.raises(Misconfigured, match="cannot be made"):
        GraphMailbox(graph, SHARED).made_folder("\x01")


def test_a_message_that_is_gone_lies_nowhere(graph: Graph, graph_server: GraphServer) -> None:
    """404 for a message means that it is gone; any other refusal is raised."""
    assert GraphMailbox(graph, SHARED).where("AAkALg-gone==") is None
    graph_server.faults.append(Fault("GET", 400, "ErrorInvalidIdMalformed"))
    with pytest.raises(Refused, match="400"):
        GraphMailbox(graph, SHARED).where("x")
