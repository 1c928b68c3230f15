"""The document store on a laptop: one SQLite file, safe with several processes at once."""

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from triage.errors import Conflict, Misconfigured, Transient
from triage.group.documents import Listed, R, T, checked

BUSY_SECONDS = 60
"""How long to wait for another process's write: longer than any batch of ours takes."""

SCHEMA_VERSION = 1
LISTED_AT_ONCE = 500
ASKED_AT_ONCE = 200
"""Documents that one statement asks for: SQLite took 999 values in the least of its builds."""

_LIST_FROM = "SELECT key, tag, head FROM document WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
_LIST_AFTER = "SELECT key, tag, head FROM document WHERE key > ? AND key < ? ORDER BY key LIMIT ?"


class SqliteDocuments:
    """Documents in one SQLite file. WAL, and synchronous=FULL: what was acknowledged survives power loss."""

    def __init__(self, path: str | Path) -> None:
        """Open or create the store. Raises `Misconfigured` where the file is no store of ours or cannot be made."""
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(str(path), timeout=BUSY_SECONDS, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise Misconfigured(f"The store {path} cannot be opened: {error}.") from error
        try:
            self._prepare(path)
        except sqlite3.Error as error:
            self._db.close()
            raise Misconfigured(f"The store {path} cannot be opened: {_why(error)}.") from error
        except Misconfigured:
            self._db.close()
            raise
        self._path = path
        self._in_batch = False

    def _prepare(self, path: str | Path) -> None:
        self._db.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        version = self._version()
        if version > SCHEMA_VERSION:
            raise Misconfigured(
                f"The store {path} was written by a newer version of this program: use that one, or name another store."
            )
        tables = self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        if version == 0 and tables and self._version() == 0:  # asked again: another process may just have made it
            raise Misconfigured(f"The file {path} is a database of another program. Name another one: --store FILE.")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if version == 0:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS document"
                " (key TEXT PRIMARY KEY, tag TEXT NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL)"
            )
            self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._db.execute("COMMIT")

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Give the body and its tag, or None."""
        row = self._run("SELECT body, tag FROM document WHERE key = ?", (checked(key),)).fetchone()
        return None if row is None else (bytes(row[0]), row[1])

    def get_many(self, keys: Iterable[str]) -> list[tuple[bytes, str] | None]:
        """Give what `get` gives for each key, many asked for in one statement."""
        wanted = [checked(key) for key in keys]
        found: dict[str, tuple[bytes, str]] = {}
        for at in range(0, len(wanted), ASKED_AT_ONCE):
            some = wanted[at : at + ASKED_AT_ONCE]
            statement = f"SELECT key, body, tag FROM document WHERE key IN ({','.join('?' * len(some))})"  # noqa: S608
            found |= {key: (bytes(body), tag) for key, body, tag in self._run(statement, some)}
        return [found.get(key) for key in wanted]

    def put(self, key: str, body: bytes, if_match: str | None, head: bytes = b"") -> str:
        """Insert (`if_match` None) or replace exactly the version named. Raises `Conflict` otherwise."""
        tag = secrets.token_hex(8)
        if if_match is None:
            done = self._run(
                "INSERT INTO document (key, tag, head, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (checked(key), tag, head, body),
            )
        else:
            done = self._run(
                "UPDATE document SET tag = ?, head = ?, body = ? WHERE key = ? AND tag = ?",
                (tag, head, body, key, if_match),
            )
        if done.rowcount != 1:
            raise Conflict(f"The document {key} was changed by somebody else.")
        return tag

    def list(self, prefix: str) -> Iterator[Listed]:
        """Give keys, tags and heads in key order, read in pages so that writers are never held up."""
        after, end = prefix, prefix + "\U0010ffff"
        rows = self._run(_LIST_FROM, (after, end, LISTED_AT_ONCE)).fetchall()
        while rows:
            yield from (Listed(key, tag, bytes(head)) for key, tag, head in rows)
            after = rows[-1][0]
            rows = self._run(_LIST_AFTER, (after, end, LISTED_AT_ONCE)).fetchall()

    def delete(self, key: str, if_match: str | None = None) -> None:
        """Remove a document if it is there; with a tag, that version alone. Raises `Conflict` for another."""
        if if_match is None:
            self._run("DELETE FROM document WHERE key = ?", (checked(key),))
            return
        done = self._run("DELETE FROM document WHERE key = ? AND tag = ?", (checked(key), if_match))
        if done.rowcount != 1 and self.get(key) is not None:
            raise Conflict(f"The document {key} was changed by somebody else.")

    def each(self, work: Callable[[T], R], ones: Iterable[T]) -> Sequence[R]:
        """Do it for each in one transaction: one wait for the disk instead of one for each, and nobody in between."""
        with self.batch():
            return [work(one) for one in ones]

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Make the writes inside one transaction: all of them or, if an error passes through, none."""
        if self._in_batch:
            yield
            return
        # IMMEDIATE: a deferred transaction that upgrades later fails at once under a second writer.
        self._run("BEGIN IMMEDIATE")
        self._in_batch = True
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk may have ended it already
                self._db.execute("ROLLBACK")
            raise
        finally:
            self._in_batch = False

    def _run(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Carry out a statement. Raises `Transient` where the disk is full, another process holds the file, and the like."""
        try:
            return self._db.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise Transient(
                f"The store {self._path} cannot be used for now: {_why(error)}. What was counted before is safe;"
                " the same command goes on from there."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _why(error: sqlite3.Error) -> str:
    """Say SQLite's reason so that a person knows what to do."""
    reason = str(error)
    if "readonly" in reason:
        return "this account may not write it or its folder; run the command as the account that keeps it"
    if "is full" in reason:
        return "the disk is full; make room"
    if "is locked" in reason:
        return f"another process has held it for {BUSY_SECONDS} seconds"
    return reason
