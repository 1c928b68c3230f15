"""What the blob engine does beyond the document store's protocol (`test_documents.py`)."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from triage.errors import Conflict, Misconfigured
from triage.group import BlobDocuments, BlobLease

pytestmark = pytest.mark.needs_node


@pytest.mark.parametrize("head", [b"l" * 9000, b"s" * 6000, b"short", None], ids=["longer", "shorter", "short", "gone"])
def test_a_long_head_that_changes_during_a_listing_is_given_whole(container: Any, head: bytes | None) -> None:
    """A head that does not fit beside the listing is read from the newest version, or the document is left out."""
    documents = BlobDocuments(container)
    documents.put("a", b"", None)
    tag = documents.put("b", b"body", None, b"x" * 8000)
    listing = documents.list("")
    next(listing)
    if head is None:
        documents.delete("b")
        assert list(listing) == []
    else:
        tag = documents.put("b", b"body", tag, head)
        assert [(one.key, one.tag, one.head) for one in listing] == [("b", tag, head)]


def test_a_body_of_several_requests_is_given_whole(container: Any, service: Callable[[str], Any]) -> None:
    """A document larger than the SDK's first request (32 MB) comes back byte for byte."""
    body = bytes(range(256)) * (33 * 4096)
    documents = BlobDocuments(container)
    tag = documents.put("large", body, None)
    assert documents.get("large") == (body, tag)


def test_writers_that_find_no_container_make_it_once(container: Any) -> None:
    """Several first writers at once all succeed, whoever made the container."""
    documents = BlobDocuments(container)
    at_once = threading.Barrier(6)
    failed: list[BaseException] = []

    def write(number: int) -> None:
        at_once.wait()
        try:
            documents.put(f"n/{number}", b"", None)
        except BaseException as error:  # noqa: BLE001 - told by the test
            failed.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failed == []
    assert len(list(documents.list("n/"))) == 6


def test_a_wrong_key_is_the_operators_to_mend(azurite: Any, service: Callable[[str], Any]) -> None:
    """An account key that is not the account's is refused with a sentence, by reading and by leasing."""
    name, _, rest = azurite.connection().partition("AccountKey=")
    wrong = f"{name}AccountKey=d3Jvbmc=;{rest.partition(';')[2]}"
    store = service(wrong).get_container_client("store")
    with pytest.raises(Misconfigured, match="Azure Storage"):
        BlobDocuments(store).get("a")
    with pytest.raises(Misconfigured, match="Azure Storage"):
        BlobLease(store).hold()


def test_work_for_several_documents_is_done_side_by_side(container: Any) -> None:
    """Four works that wait for each other all end: none waits for the one before it, and results keep their order."""
    documents = BlobDocuments(container)
    together = threading.Barrier(4)

    def work(number: int) -> int:
        together.wait(30)
        documents.put(f"n/{number}", b"", None)
        return number

    assert documents.each(work, range(4)) == [0, 1, 2, 3]
    assert len(list(documents.list("n/"))) == 4


def test_work_that_fails_for_one_document_is_told(container: Any) -> None:
    """An error of one among several reaches the caller, who repeats the whole."""
    documents = BlobDocuments(container)
    documents.put("n/2", b"", None)
    with pytest.raises(Conflict):
        documents.each(lambda number: documents.put(f"n/{number}", b"", None), range(4))
