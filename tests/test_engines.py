"""The whole way on both engines: the same mail gives the same incidents, byte for byte."""

import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from triage.collect.item import Item
from triage.group import BlobDocuments, Documents, SqliteDocuments, affected, incidents
from triage.model import Place
from triage.model.wire import incident_json, json_line
from triage.pipeline import Parts, take_in
from triage.settings import Settings
from triage.wiring import parts_of

pytestmark = pytest.mark.needs_node
NOW = "2026-10-20T12:00:00Z"


@pytest.fixture(scope="module")
def parts() -> Parts:
    """Give the real rules, with one domain of ours."""
    return parts_of(Settings(ours={"domains": ["contoso.example"]}))


@pytest.fixture
def items(ndr: Callable[..., Any]) -> list[Item]:
    """Give bounces of three faults: returned, delayed, told of twice in other bytes, of wrong addresses, and no bounce."""
    sent = [
        *[ndr(recipient=f"u{n}@fabrikam.example", message_id=f"m{n}@contoso.example") for n in range(7)],
        ndr(recipient="u8@fabrikam.example", message_id="m8@contoso.example", action="delayed", status="4.4.7"),
        ndr(recipient="u8@fabrikam.example", message_id="m8@contoso.example"),
        ndr(generating="hq-ex10b.contoso.example", build="14.3.123.4", message_id="old@contoso.example"),
    ]
    unknown = {"cause": None, "receiving": None, "status": "5.1.1", "remote_mta": "mx.litware.example"}
    unknown |= {"diagnostic": "smtp;550 5.1.1 User unknown", "final_line": "550 5.1.1 User unknown"}
    sent += [ndr(recipient=f"x{n}@litware.example", message_id=f"x{n}@contoso.example", **unknown) for n in range(2)]
    contents = [bytes(one) for one in sent]
    contents += [sent[0].attached(), sent[1].pasted(), b"Subject: lunch?\r\n\r\nAt noon.\r\n"]
    return [Item(Place(f"{n}.eml"), one, hashlib.sha256(one).hexdigest()) for n, one in enumerate(contents)]


def outcome(documents: Documents, batches: list[list[Item]], parts: Parts) -> tuple[bytes, list[str], list[bytes]]:
    """Take batches in; give the incidents as JSON, the affected mail, and what stands in the store."""
    for batch in batches:
        for _ in take_in(batch, documents, parts, NOW):
            pass
    found = list(incidents(documents))
    listed = json_line([incident_json(one) for one in found])
    rows = [repr(row) for one in found for row in affected(documents, one.id)]
    return listed, rows, [one.key.encode() + one.head for one in documents.list("")]


@pytest.mark.parametrize("order", ["as sent", "backwards", "shuffled 1", "shuffled 2"])
def test_both_engines_make_the_same_incidents(
    order: str, items: list[Item], parts: Parts, container: Any, tmp_path: Path
) -> None:
    """In whatever order and however often mail comes, incidents, affected mail and heads are equal to the byte."""
    if order.startswith("shuffled"):
        chance = random.Random(order)
        twice = items * 2
        chance.shuffle(twice)
        cuts = sorted(chance.sample(range(len(twice)), 4))
        batches = [twice[start:end] for start, end in zip([0, *cuts], [*cuts, len(twice)], strict=True)]
    else:
        batches = [items if order == "as sent" else items[::-1]]
    with SqliteDocuments(tmp_path / "store.sqlite") as oracle:
        expected = outcome(oracle, batches, parts)
    assert outcome(BlobDocuments(container), batches, parts) == expected
    assert expected[0].count(b'"id":') >= 3
