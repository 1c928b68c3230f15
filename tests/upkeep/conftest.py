"""A store with the readings of some bounces in it, on each engine in turn."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from triage.collect.item import Item
from triage.group import BlobDocuments, Documents, SqliteDocuments
from triage.model import Place
from triage.pipeline import Parts, take_in
from triage.settings import Settings
from triage.wiring import parts_of

NOW = "2026-10-20T12:00:00Z"


@pytest.fixture(scope="session")
def parts() -> Parts:
    """Give the real rules, with one domain of ours."""
    return parts_of(Settings(ours={"domains": ["contoso.example"]}))


@pytest.fixture(params=["sqlite", pytest.param("blobs", marks=pytest.mark.needs_node)])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Documents]:
    """Give an empty store, of each engine in turn."""
    if request.param == "blobs":
        yield BlobDocuments(request.getfixturevalue("container"))
    else:
        with SqliteDocuments(tmp_path / "store.sqlite") as opened:
            yield opened


@pytest.fixture
def items(ndr: Callable[..., Any]) -> list[Item]:
    """Give six bounces of two faults: four messages of one server of ours, two of another."""
    contents = []
    for number in range(6):
        host = "hq-ex13b.contoso.example" if number > 3 else "hq-ex13a.contoso.example"
        report = ndr(generating=host, recipient=f"u{number}@fabrikam.example", message_id=f"m{number}@contoso.example")
        contents.append(bytes(report))
    return [
        Item(Place(f"{number}.eml"), content, hashlib.sha256(content).hexdigest())
        for number, content in enumerate(contents)
    ]


@pytest.fixture
def feed(documents: Documents, parts: Parts) -> Callable[..., None]:
    """Give the function that takes items into the store."""

    def take(items: list[Item], now: str = NOW) -> None:
        for _ in take_in(items, documents, parts, now):
            pass

    return take


@pytest.fixture
def filled(documents: Documents, feed: Callable[..., None], items: list[Item]) -> Documents:
    """Give the store with all six taken in."""
    feed(items)
    return documents
