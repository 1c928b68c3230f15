"""One mailbox in Graph: the changes of a folder, a message as MIME, where it lies, and moving it.

Nothing here marks a message as read: reading `$value` does not, and no message is ever written to.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import msgspec

from triage.collect.graph import Forbidden, Graph, Refused
from triage.collect.limits import Limits
from triage.errors import Misconfigured, Transient

PAGE = 50
"""Messages on a page: so many are read again at most where a run ends in the middle of one."""

MIME_BYTES = Limits().message_bytes
"""One message: the bound of any other document."""

LINK_CHARACTERS = 32_768
"""Of a place in the list of changes: Graph's tokens have some hundred to a few thousand."""

_FIELDS = "id,receivedDateTime,parentFolderId"


class Listed(msgspec.Struct, frozen=True):
    """A message in the list of changes. `gone`: it left the folder, or was deleted (`@removed`)."""

    id: str
    received: str | None = None
    gone: bool = False


class Page(msgspec.Struct, frozen=True):
    """One page of changes, and the link to go on with; `last`: all changes up to now are told."""

    messages: tuple[Listed, ...]
    link: str
    last: bool


class GraphMailbox:
    """A mailbox as the application sees it. All methods raise what `Graph.send` does."""

    def __init__(self, graph: Graph, address: str) -> None:
        self.graph, self.address = graph, address
        self._path = f"users/{quote(address, safe='@')}"

    def folder(self, name: str) -> str:
        """Give the id of a folder: `name` is a well-known name (`inbox`) or an id.

        Raises `Misconfigured` where there is no such mailbox or folder.
        """
        try:
            found = self.graph.get(f"{self._path}/mailFolders/{quote(name, safe='')}?$select=id")
        except Refused as error:
            if error.status not in (400, 404):
                raise
            raise Misconfigured(
                f"Graph finds no mailbox {self.address} with a folder {name} ({error.status} {error.code}): see the "
                "settings mailbox.address and mailbox.folder."
            ) from error
        return _text(found, "id")

    def find_folder(self, name: str) -> str | None:
        """Give the id of the folder at the top of the mailbox that is called `name`, None without one."""
        quoted = quote("'" + name.replace("'", "''") + "'", safe="")
        found = self.graph.get(f"{self._path}/mailFolders?$filter=displayName%20eq%20{quoted}&$select=id,displayName")
        for one in _items(found):
            if str(one.get("displayName", "")).casefold() == name.casefold():
                return _text(one, "id")
        return None

    def made_folder(self, name: str) -> str:
        """Give the id of the folder at the top of the mailbox that is called `name`; make it where there is none."""
        found = self.find_folder(name)
        if found is not None:
            return found
        with suppress(Refused):  # 409 ErrorFolderExists: another run was first
            return _text(self.graph.post(f"{self._path}/mailFolders", {"displayName": name}), "id")
        found = self.find_folder(name)
        if found is None:
            raise Misconfigured(f"The folder {name} cannot be made in the mailbox {self.address}.")
        return found

    def changes(self, folder: str, link: str | None) -> Page:
        """Give one page of what changed in a folder since `link` was given; None: of all that is there.

        Raises `PlaceLost` where everything has to be listed anew.
        """
        start = f"{self._path}/mailFolders/{quote(folder, safe='')}/messages/delta?$select={_FIELDS}"
        found = self.graph.get(start, page=PAGE) if link is None else self.graph.follow(link, page=PAGE)
        further, done = found.get("@odata.nextLink"), found.get("@odata.deltaLink")
        following = further if isinstance(further, str) else done
        if not isinstance(following, str) or len(following) > LINK_CHARACTERS:
            raise Transient("Graph's list of changes tells no place to go on from.")
        following = self.graph.checked(following)  # before anybody writes it down as the place
        return Page(tuple(_listed(one) for one in _items(found)), following, not isinstance(further, str))

    def mime(self, message: str) -> bytes:
        """Give a message as MIME. Exchange writes it anew each time: two readings need not be the same bytes.

        Raises `Refused` (404) for one that is gone, `TooLarge` past `MIME_BYTES`.
        """
        return self.graph.raw(f"{self._message(message)}/$value", MIME_BYTES)

    def where(self, message: str) -> str | None:
        """Give the id of the folder in which a message lies, None where it is gone."""
        try:
            found = self.graph.get(f"{self._message(message)}?$select=id,parentFolderId")
        except Refused as error:
            if error.status == 404:
                return None
            raise
        return _text(found, "parentFolderId")

    def move(self, message: str, folder: str) -> None:
        """Move a message to a folder."""
        self.graph.post(f"{self._message(message)}/move", {"destinationId": folder})

    def can_be_read(self) -> bool:
        """Tell whether this application gets into the mailbox; raises `Misconfigured` where there is none."""
        try:
            self.folder("inbox")
        except Forbidden:
            return False
        return True

    def _message(self, message: str) -> str:
        return f"{self._path}/messages/{quote(message, safe='')}"


def _items(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    items = found.get("value")
    if not isinstance(items, list):
        raise Transient("Graph's answer is no list: is there a proxy in between?")
    return (one for one in items if isinstance(one, dict))


def _listed(one: dict[str, Any]) -> Listed:
    received = one.get("receivedDateTime")
    return Listed(_text(one, "id"), received if isinstance(received, str) else None, "@removed" in one)


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise Transient(f"Graph's answer lacks {name}: is there a proxy in between?")
    return value
