"""Azurite, Microsoft's emulator of Azure Storage, as a child process on free ports of loopback."""

import os
import re
import secrets
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO

import msgspec

from triage.errors import Misconfigured

PROGRAM = Path("node_modules/.bin/azurite")
START_SECONDS = 60
"""A busy machine starts it in some seconds."""

STOP_SECONDS = 5
ACCOUNT = "local"

_LISTENS = re.compile(r"Azurite (Blob|Queue) service (?:is )?successfully listen(?:s|ing) (?:on|at) (https?://\S+)")


class Emulator(msgspec.Struct, frozen=True):
    """A running Azurite: where its services listen, and the key of its accounts, which is of this run alone."""

    blobs: str
    queues: str
    key: str

    def connection(self, account: str = ACCOUNT) -> str:
        """Give the connection string of an account."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={self.key};"
            f"BlobEndpoint={self.blobs}/{account};QueueEndpoint={self.queues}/{account};"
        )


@contextmanager
def azurite(
    program: Path = PROGRAM,
    data: Path | None = None,
    accounts: Sequence[str] = (ACCOUNT,),
    options: Sequence[str] = (),
) -> Iterator[Emulator]:
    """Run Azurite while the block runs, with more of its options. What it stores lies in `data`, else in memory.

    Raises `Misconfigured` where it is missing or does not start.
    """
    if not program.exists():
        raise Misconfigured(f"Azurite is not there ({program}): `make test` installs it, with Node.js.")
    key = b64encode(secrets.token_bytes(64)).decode()
    where = ["--inMemoryPersistence"] if data is None else ["--location", str(data)]
    ports = ["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"]
    quiet = ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    process = subprocess.Popen(
        [str(program), *ports, *quiet, *where, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C is for us, and we end it after our last write
        env={**os.environ, "AZURITE_ACCOUNTS": ";".join(f"{account}:{key}" for account in accounts)},
    )
    try:
        found = _addresses(process)
        yield Emulator(found["Blob"], found["Queue"], key)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _addresses(process: "subprocess.Popen[str]") -> dict[str, str]:
    """Give the addresses that the three services print, and go on reading what they print, so that no pipe fills up."""
    if process.stdout is None:
        raise Misconfigured("Azurite prints nothing.")
    lines: Queue[str | None] = Queue()
    Thread(target=_drain, args=(process.stdout, lines), daemon=True).start()
    found: dict[str, str] = {}
    said: list[str] = []
    while len(found) < 2:
        try:
            line = lines.get(timeout=START_SECONDS)
        except Empty:
            line = None
        if line is None:
            raise Misconfigured(f"Azurite did not start: {' '.join(said)[-500:] or 'it says nothing'}")
        said.append(line.strip())
        if match := _LISTENS.search(line):
            found[match.group(1)] = match.group(2)
    return found


def _drain(output: IO[str], lines: "Queue[str | None]") -> None:
    with output:
        for line in output:
            lines.put(line)
    lines.put(None)
