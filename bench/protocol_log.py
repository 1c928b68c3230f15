"""What reading protocol logs costs, beside `grep -cE` for the error texts on the same file, in one run.

    python bench/protocol_log.py [--size MB] [--rounds N] [--keep DIR]

It makes a Send log of the given size (interleaved sessions, nearly all healthy) and the same sessions once more as a
folder of four files, then measures in turns:

- grep;
- the readers by themselves, in one process: finding suspect rows; the diagnosis of suspect peers, whose sessions are
  read in full; the diagnosis of every session. The start of Python and the loading of rules are not counted;
- the commands as a person runs them, start and all: `triage diagnose` with and without `--suspects`, `triage run`, and
  both readings of the folder, with one process and with a crew.

Memory is the peak of all processes together (what they share counted once), sampled, so that Linux alone tells it.
Best of the rounds counts. Exit code 1 where a ratio or the memory is past its bound.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.processes import family, memory  # noqa: E402  # found beside this file, whether installed or not
from triage.collect.files import Item  # noqa: E402
from triage.decode.protocol_log import read_protocol_log, read_suspects, suspect_rows  # noqa: E402
from triage.intake import Work, inputs, readings  # noqa: E402
from triage.intake.one import reading_of  # noqa: E402
from triage.model import Place, Reading  # noqa: E402
from triage.settings import Settings  # noqa: E402
from triage.wiring import knowledge_of  # noqa: E402

ERRORS = (
    "TLS negotiation failed|Must issue a STARTTLS|STARTTLS is required|[(]SocketError[)]|[(]ConnectionReset[)]"
    "|XXXXXXX|[*]{8}"
)
CHUNK = 2**20
GREP = "grep -cE"
BOUNDS = {"suspect rows": 5, "suspect peers": 10, "every session": 25}
"""Times as long as grep that each may take, alone in one process."""
ALONE = "folder, one process"
MEMORY = 200
"""MB that each may take, all its processes together."""
FILES = 4
SAMPLED = 0.02
AT_ONCE = 40
"""Sessions open at the same time in the log that is made."""
FIELDS = "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context"
Step = tuple[str, str, str]

CAPABILITIES = (
    "SIZE 157286400", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS", "8BITMIME", "BINARYMIME", "CHUNKING",
)  # fmt: skip


def healthy(name: str, number: int) -> Iterator[Step]:
    """Give the steps of a session that hands one message over TLS 1.2."""
    yield "*", "SendRoutingHeaders", "Set Session Permissions"
    yield "*", "", "attempting to connect"
    yield "+", "", ""
    yield "<", f'"220 {name} Microsoft ESMTP MAIL Service ready at Sun, 18 Oct 2026 09:14:00 +0000"', ""
    yield from _greeting(name, CAPABILITIES)
    yield ">", "STARTTLS", ""
    yield "<", "220 2.0.0 SMTP server ready", ""
    yield "*", "", "Sending certificate"
    yield "*", "CN=mail.contoso.example", "Certificate subject"
    yield "*", '"CN=Contoso Issuing CA 1, O=Contoso, C=US"', "Certificate issuer name"
    yield "*", "3F00000012A1B2C3D4E5F60718293A4B5C", "Certificate serial number"
    yield "*", "9A0B1C2D3E4F5061728394A5B6C7D8E9F0A1B2C3", "Certificate thumbprint"
    yield "*", "mail.contoso.example;autodiscover.contoso.example", "Certificate alternate names"
    yield (
        "*",
        "",
        (
            '"TLS protocol SP_PROT_TLS1_2_CLIENT negotiation succeeded using bulk encryption algorithm CALG_AES_256 with '
            "strength 256 bits, MAC hash algorithm CALG_SHA_384 with strength 0 bits and key exchange algorithm "
            'CALG_ECDH_EPHEM with strength 384 bits"'
        ),
    )
    yield "*", "", "Received certificate"
    yield "*", "1F2E3D4C5B6A79880716253443526170F1E2D3C4", "Certificate thumbprint"
    yield from _greeting(name, [one for one in CAPABILITIES if one != "STARTTLS"])
    yield "*", str(number), "sending message"
    yield ">", f"MAIL FROM:<user{number % 500}@contoso.example> SIZE={20000 + number % 90000} BODY=BINARYMIME", ""
    yield ">", f"RCPT TO:<person{number % 900}@fabrikam.example>", ""
    yield "<", "250 2.1.0 Sender OK", ""
    yield "<", "250 2.1.5 Recipient OK", ""
    yield ">", f"BDAT {20000 + number % 90000} LAST", ""
    yield "<", f'"250 2.6.0 <{number:x}@contoso.example> [InternalId={number}, Hostname={name}] Queued mail"', ""
    yield ">", "QUIT", ""
    yield "<", "221 2.0.0 Service closing transmission channel", ""
    yield "-", "", "Local"


def failing(name: str) -> Iterator[Step]:
    """Give the steps of a session whose handshake fails."""
    yield "*", "SendRoutingHeaders", "Set Session Permissions"
    yield "*", "", "attempting to connect"
    yield "+", "", ""
    yield "<", f'"220 {name} Microsoft ESMTP MAIL Service ready at Sun, 18 Oct 2026 09:14:00 +0000"', ""
    yield from _greeting(name, CAPABILITIES)
    yield ">", "STARTTLS", ""
    yield "<", "220 2.0.0 SMTP server ready", ""
    yield "*", "", "Sending certificate"
    yield "*", "CN=mail.contoso.example", "Certificate subject"
    yield "*", "", "TLS negotiation failed with error SocketError"
    yield "-", "", "Remote"


def _greeting(name: str, capabilities: list[str] | tuple[str, ...]) -> Iterator[Step]:
    yield ">", "EHLO hq-ex10a.contoso.example", ""
    yield "<", f"250-{name} Hello [192.0.2.10]", ""
    for one in capabilities[:-1]:
        yield "<", f"250-{one}", ""
    yield "<", f"250 {capabilities[-1]}", ""


def make(path: Path, size: int) -> None:
    """Write a Send log of about `size` bytes: 300 peers, two of which fail in one session of ten."""
    chance = random.Random(4)
    peers = [(f"mx{at}.fabrikam{at % 60}.example", f"198.51.100.{at % 250 + 1}") for at in range(300)]
    clock = datetime(2026, 10, 18, 0, 0, tzinfo=UTC)
    running: list[tuple[Iterator[Step], list[int], str]] = []
    opened = 0
    with path.open("w", encoding="utf-8", newline="") as out:
        head = ("#Software: Microsoft Exchange Server", "#Version: 14.0.0.0", "#Log-type: SMTP Send Protocol Log")
        out.write("\r\n".join((*head, f"#Date: {clock:%Y-%m-%dT%H:%M:%S}.000Z", f"#Fields: {FIELDS}", "")))
        while out.tell() < size:
            lines = []
            for _ in range(2000):
                while len(running) < AT_ONCE:
                    opened += 1
                    name, address = chance.choice(peers)
                    fails = address.endswith((".7", ".9")) and chance.random() < 0.1
                    steps = failing(name) if fails else healthy(name, opened)
                    ends = f"08D92C6B{opened:08X}", f"192.0.2.10:{1025 + opened % 60000},{address}:25"
                    running.append((steps, [0], f"Outbound to the Internet,{ends[0]},%d,{ends[1]}"))
                at = chance.randrange(AT_ONCE)
                steps, sequence, middle = running[at]
                step = next(steps, None)
                if step is None:
                    running.pop(at)
                    continue
                clock += timedelta(milliseconds=chance.randrange(60))
                stamp = f"{clock:%Y-%m-%dT%H:%M:%S}.{clock.microsecond // 1000:03}Z"
                lines.append(f"{stamp},{middle % sequence[0]},{step[0]},{step[1]},{step[2]}\r\n")
                sequence[0] += 1
            out.write("".join(lines))


def divide(path: Path, folder: Path) -> None:
    """Write the rows of a log into several files, each with the header: sessions go on from one to the next."""
    folder.mkdir()
    size = path.stat().st_size // FILES + 1
    with path.open("rb") as log:
        header = b"".join(log.readline() for _ in range(5))
        for number in range(FILES):
            with (folder / f"SEND20261018{number:02}-1.LOG").open("wb") as out:
                out.write(header)
                end = (number + 1) * size
                while log.tell() < end and (part := log.read(min(CHUNK, end - log.tell()))):
                    out.write(part)
                out.write(log.readline())


def chunks(path: Path) -> Iterator[bytes]:
    """Give a file piece by piece."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def read(what: str, path: Path) -> str:
    """Do one of the readings and give the seconds that it took and what it found, in short."""
    knowledge = knowledge_of(Settings())
    start = time.perf_counter()
    if what == "suspect rows":
        return _timed(start, f"{sum(1 for _ in suspect_rows(chunks(path)))} rows")
    if what == ALONE:
        return _timed(start, _told([one.reading for one in readings(map(Work, inputs([str(path)])), knowledge)]))
    if what == "suspect peers":
        document = read_suspects(lambda: chunks(path), knowledge.hosts)
    else:
        document = read_protocol_log(chunks(path), knowledge.hosts)
    return _timed(start, _told([reading_of(Item(Place(str(path)), b"", ""), document, knowledge)]))


def _timed(start: float, found: str) -> str:
    return f"{time.perf_counter() - start} {found}"


def _told(found: list[Reading]) -> str:
    seen = [finding.observation for reading in found for finding in reading.findings]
    failed = sum(one.count for one in seen if one.action == "failed")
    return f"{failed} failed of {sum(one.count for one in seen)} sessions, {len(seen)} observations"


class Measured(NamedTuple):
    """What a command took: seconds, and MB of all its processes at their peak."""

    seconds: float
    memory: int
    said: str = ""


def measure(command: list[str], tells_seconds: bool) -> Measured:
    """Run a command and give what it took; one that tells its seconds itself leaves its start out."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        peak = 0
        while process.poll() is None:
            peak = max(peak, sum(memory(one) for one in family(process.pid)))
            time.sleep(SAMPLED)
        seconds = time.perf_counter() - start
        out.seek(0)
        said = out.read(200).decode("utf-8", "replace").strip()
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    if not tells_seconds:
        return Measured(seconds, peak // 1024)
    told, _, rest = said.partition(" ")
    return Measured(float(told), peak // 1024, rest)


def main() -> int:
    """Make the logs, measure each reader beside grep and print the ratios."""
    parser = argparse.ArgumentParser(description="Measure the reader of protocol logs.")
    parser.add_argument("--size", type=int, default=100, help="MB of the log that is made (1000 for 1 GB)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="the folder for the logs, made where it does not exist, and kept")
    parser.add_argument("--read", choices=[*BOUNDS, ALONE], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(read(options.read, options.keep))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        place = options.keep or Path(temporary)
        place.mkdir(exist_ok=True, parents=True)
        log, folder = place / f"SEND20261018-{options.size}.LOG", place / f"folder-{options.size}"
        if not log.exists():
            make(log, options.size * 10**6)
        if not folder.exists():
            divide(log, folder)
        return report(log, folder, options.rounds)


def commands_for(log: Path, folder: Path, store: Path) -> dict[str, list[str]]:
    """Give what is measured, by name."""
    own = [sys.executable, str(Path(__file__)), "--keep"]
    triage = [sys.executable, "-m", "triage"]
    return {
        GREP: [GREP.partition(" ")[0], "-cE", ERRORS, str(log)],
        **{name: [*own, str(log), "--read", name] for name in BOUNDS},
        ALONE: [*own, str(folder), "--read", ALONE],
        "triage diagnose --suspects": [*triage, "diagnose", "--json", "--suspects", str(log)],
        "triage diagnose": [*triage, "diagnose", "--json", str(log)],
        "triage run": [*triage, "run", "--store", str(store), str(log)],
        "triage diagnose folder": [*triage, "diagnose", "--json", str(folder)],
    }


def report(log: Path, folder: Path, rounds: int) -> int:
    """Print a row for each reader; give 1 where one is past its bound."""
    os.chdir(ROOT)
    turns: list[dict[str, Measured]] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as fresh:
            commands = commands_for(log, folder, Path(fresh) / "triage.sqlite")
            turns.append({name: measure(one, "--read" in one) for name, one in commands.items()})
    best = {name: min(turn[name] for turn in turns) for name in turns[0]}
    size = log.stat().st_size / 1e6
    print(f"{size:.0f} MB, best of {rounds} rounds, {os.cpu_count()} cores\n")
    print(f"{'':27}{'seconds':>9}{'MB/s':>8}{'x grep':>8}{'bound':>7}{'MB':>6}")
    late = False
    for name, (seconds, _, said) in best.items():
        ratio, bound, memory = seconds / best[GREP].seconds, BOUNDS.get(name), max(turn[name].memory for turn in turns)
        late = late or (bound is not None and ratio > bound) or memory > MEMORY
        print(f"{name:27}{seconds:>9.2f}{size / seconds:>8.0f}{ratio:>8.1f}{bound or '':>7}{memory:>6}  {said}")
    return int(late)


if __name__ == "__main__":
    sys.exit(main())
