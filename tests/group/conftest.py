"""Builders of readings and a judge for the tests of grouping."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from triage.group import BlobDocuments, Documents, MemoryDocuments, SqliteDocuments
from triage.group.fold import Judge
from triage.hosts import Hosts
from triage.model import Diagnosis, Finding, Observation, Original, Place, Reading, Surroundings, Tallied
from triage.model.words import rank


def surest(tallies: Sequence[Tallied], around: Surroundings | None = None) -> Diagnosis:
    """Give the surest diagnosis: a judge simple enough to predict, and independent of order."""
    found = [one.diagnosis for one in tallies if one.diagnosis is not None]
    return max(found, key=lambda one: (rank(one.confidence), one.category), default=Diagnosis())


def make_reading(number: int, **changes: object) -> Reading:
    """Give the reading of one bounce from our server to Exchange Online; `changes` go to the observation."""
    confidence = changes.pop("confidence", "possible")
    family = changes.pop("family", "session")
    category = changes.pop("category", "tls-version")
    sha256 = str(changes.pop("sha256", hashlib.sha256(str(number).encode()).hexdigest()))
    values = {
        "source": "ndr",
        "action": "failed",
        "impact": "returned",
        "recipient": f"user{number}@fabrikam.example",
        "recipient_domain": "fabrikam.example",
        "sending_host": "hq-ex13a.contoso.example",
        "receiving_host": "fabrikam-example.mail.protection.outlook.com",
        "time": f"2026-10-20T09:{number % 60:02d}:00Z",
        "original": Original(message_id=f"m{number}@contoso.example", from_="karl.holm@contoso.example"),
    }
    observation = Observation(**{**values, **changes})  # type: ignore[arg-type]
    success = observation.action in ("relayed", "delivered", "expanded")
    diagnosis = None if success else Diagnosis(family=family, category=category, confidence=confidence)  # type: ignore[arg-type]
    return Reading(source=Place("x"), sha256=sha256, kind="bounce", findings=(Finding(observation, diagnosis),))


@pytest.fixture(params=["sqlite", "memory", pytest.param("blobs", marks=pytest.mark.needs_node)])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Documents]:
    """Give an empty store, of each engine in turn."""
    if request.param == "blobs":
        yield BlobDocuments(request.getfixturevalue("container"))
    elif request.param == "memory":
        yield MemoryDocuments()
    else:
        with SqliteDocuments(tmp_path / "store.sqlite") as opened:
            yield opened


@pytest.fixture
def hosts() -> Hosts:
    """Give hosts with one domain of ours."""
    return Hosts(domains=["contoso.example"])


@pytest.fixture(scope="session")
def judge() -> Judge:
    """Give the judge."""
    return surest


@pytest.fixture(scope="session")
def reading() -> Callable[..., Reading]:
    """Give the builder of readings."""
    return make_reading
