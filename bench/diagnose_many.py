"""What `triage diagnose` does with very many messages: on all cores and on one, its rate, its memory, its progress.

    python bench/diagnose_many.py [--messages N] [--keep DIR]

It makes an mbox of N messages (100,000) from six templates of its own: reports of Exchange, Exchange Online, Postfix and
qmail, a delay, and an absence note. Names, hosts, times and codes differ from one to the next. Then the command reads it
as a person would run it, with a terminal on standard error and a file on standard output: once on all cores that it may
use, once bound to a single one (where it works in one process). On Linux alone.

CPU is the time of all processes together: on a machine that others use too, it tells more than the clock does. Memory is
the sum over all processes (what they share counted once), sampled; it is constant where the last third needs no
more than the first two did, but for a tenth. Exit code 1 where it grows, where a message is missing from the answers, or
where no progress was shown.
"""

import argparse
import contextlib
import os
import pty
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.processes import family, memory  # noqa: E402  # found beside this file

SAMPLED = 0.1
GROWTH = 1.1
BEGAN = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)

REPLIES = (
    ("550", "5.1.1", "User unknown in virtual mailbox table"),
    ("552", "5.2.2", "The email account that you tried to reach is over quota"),
    ("554", "5.7.1", "Service unavailable; Client host [192.0.2.14] blocked using zen.example"),
    ("550", "5.7.26", "This message does not pass authentication checks (SPF and DKIM both do not pass)"),
    ("421", "4.7.0", "Too many connections from your host, try again later"),
)
RETURNED = """Received: from {client} ({client} [192.0.2.{low}]) by {server} with ESMTPS id {queue}
 (version=TLS1_2 cipher=ECDHE-RSA-AES256-GCM-SHA384) for <{to}>; {date}
Received: from erp-{low}.contoso.example (10.0.0.{low}) by {client} (10.0.0.9) with Microsoft SMTP Server id 15.1.2507.39;
 {date}
From: Orders <erp-{low}@contoso.example>
To: {to}
Subject: Order {number}
Message-ID: <{number}.{queue}@contoso.example>
Date: {date}
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
"""
HEAD = """From {sender} Mon Nov  2 06:00:00 2026
Return-Path: <>
From: {name} <{sender}>
To: erp-{low}@contoso.example
Subject: {subject}
Message-ID: <{queue}.{number}@{server}>
Date: {date}
MIME-Version: 1.0
"""
REPORT = (
    HEAD
    + """Content-Type: multipart/report; report-type=delivery-status; boundary="{queue}"

--{queue}
Content-Type: text/plain; charset=utf-8

{said}

--{queue}
Content-Type: message/delivery-status

Reporting-MTA: dns;{server}
Arrival-Date: {date}

Final-Recipient: rfc822;{to}
Action: {action}
Status: {status}
Remote-MTA: dns;{remote}
Diagnostic-Code: smtp;{code} {status} {text}

--{queue}
Content-Type: message/rfc822

"""
    + RETURNED
    + """
{body}
--{queue}--

"""
)
PROSE = (
    HEAD
    + """Content-Type: text/plain; charset=utf-8

Hi. This is the qmail-send program at {server}.
I'm afraid I wasn't able to deliver your message to the following addresses.

<{to}>:
{remote_ip} does not like recipient.
Remote host said: {code} {status} {text}
Giving up on {remote_ip}.

--- Below this line is a copy of the message.

"""
    + RETURNED
    + """
{body}

"""
)
ABSENT = (
    HEAD
    + """Auto-Submitted: auto-replied
Content-Type: text/plain; charset=utf-8

I am away until Monday. {body}

"""
)
EXCHANGE = (
    "Delivery has failed to these recipients or groups:\n\n{to}\n\nDiagnostic information for administrators:\n\n"
    "Generating server: {server}\n\n{to}\n{remote}\nRemote Server returned '{code} {status} {text}'\n"
)
POSTFIX = (
    "This is the mail system at host {server}.\n\n<{to}>: host {remote}[{remote_ip}] said: {code} {status} {text}"
    " (in reply to RCPT TO command)\n"
)
DROPPED = ("421", "4.4.2", "Connection dropped due to SocketError")
KINDS = (
    (REPORT, EXCHANGE, "Undeliverable: Order {number}", "failed", None),
    (REPORT, EXCHANGE, "Undeliverable: Order {number}", "failed", DROPPED),
    (REPORT, POSTFIX, "Undelivered Mail Returned to Sender", "failed", None),
    (REPORT, POSTFIX, "Delayed Mail (still being retried)", "delayed", DROPPED),
    (PROSE, "", "failure notice", "failed", None),
    (ABSENT, "", "Automatic reply: Order {number}", "failed", None),
)


def message(number: int, chance: random.Random) -> str:
    """Give one message of an mbox."""
    template, said, subject, action, reply = KINDS[number % len(KINDS)]
    code, status, text = reply or chance.choice(REPLIES)
    low = chance.randrange(1, 250)
    server = chance.choice(
        ("hq-ex13a.contoso.example", "mx.contoso.example", "AM0PR01MB1234.eurprd01.prod.outlook.com")
    )
    domain = chance.choice(("fabrikam.example", "tailspin.example", "wingtip.example"))
    values = {
        "number": number,
        "low": low,
        "queue": f"{chance.getrandbits(48):012X}",
        "server": server,
        "client": "hq-ex13a.contoso.example",
        "sender": f"MAILER-DAEMON@{server}",
        "name": "Mail Delivery System",
        "to": f"user{chance.randrange(5000)}@{domain}",
        "remote": f"mx{low % 5}.{domain}",
        "remote_ip": f"198.51.100.{low}",
        "date": format_datetime(BEGAN + timedelta(seconds=number)),
        "code": code,
        "status": status,
        "text": text,
        "action": action,
        "body": "\n".join(
            ["All goods are as listed, in the usual boxes, and the papers are with them."] * (3 + low % 20)
        ),
    }
    values["subject"] = subject.format_map(values)
    values["said"] = said.format_map(values)
    return template.format_map(values)


def make(path: Path, count: int) -> None:
    """Write the mbox; the same count gives the same bytes."""
    chance = random.Random(count)
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for number in range(count):
            out.write(message(number, chance))


class Run(NamedTuple):
    """What one run of the command took and showed."""

    seconds: float
    cpu: float
    answers: int
    early: int
    late: int
    processes: int
    progress: int


def run(mbox: Path, answers: Path, cores: set[int]) -> Run:
    """Run the command on these cores, watching its memory and its progress line."""
    ours, theirs = pty.openpty()
    shown: list[bytes] = []
    reader = threading.Thread(target=_drain, args=(ours, shown))
    reader.start()
    used = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    began = time.perf_counter()
    samples: list[tuple[float, int, int]] = []
    with answers.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "triage", "diagnose", "--json", str(mbox)],
            stdout=out,
            stderr=theirs,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm"},
            preexec_fn=lambda: os.sched_setaffinity(0, cores),  # noqa: PLW1509 - no threads of ours hold anything here
        )
        os.close(theirs)
        while process.poll() is None:
            together = list(family(process.pid))
            samples.append((time.perf_counter() - began, sum(map(memory, together)), len(together)))
            time.sleep(SAMPLED)
    seconds = time.perf_counter() - began
    reader.join()
    os.close(ours)
    if process.returncode:
        sys.exit(f"triage diagnose ended with {process.returncode}")
    with answers.open("rb") as lines:
        count = sum(1 for _ in lines)
    return Run(
        seconds=seconds,
        cpu=sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - used,
        answers=count,
        early=max(memory for at, memory, _ in samples if at <= seconds * 2 / 3) // 1024,
        late=max(memory for at, memory, _ in samples if at > seconds * 2 / 3) // 1024,
        processes=max(count for _, _, count in samples),
        progress=len(set(re.findall(rb"(\d+) documents", b"".join(shown)))),
    )


def _drain(terminal: int, shown: list[bytes]) -> None:
    with contextlib.suppress(OSError):  # Linux ends a terminal that nobody writes to any more with an error
        while part := os.read(terminal, 65_536):
            shown.append(part)


def main() -> int:
    """Make the mbox, run the command twice and print both."""
    parser = argparse.ArgumentParser(description="Measure triage diagnose on many messages.")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="the folder for the mbox, made where it does not exist, and kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = options.keep or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        mbox = place / f"{options.messages}.mbox"
        if not mbox.exists():
            make(mbox, options.messages)
        cores = os.sched_getaffinity(0)
        print(f"{options.messages} messages, {mbox.stat().st_size / 1e6:.0f} MB, {len(cores)} cores\n")
        print(
            f"{'':14}{'processes':>10}{'seconds':>9}{'CPU':>8}{'messages/s':>12}{'MB first':>10}{'MB last':>9}{'progress':>10}"
        )
        bad = False
        rates = []
        for name, used in (("all cores", cores), ("one core", {min(cores)})):
            one = run(mbox, Path(temporary) / "answers.jsonl", used)
            rates.append(options.messages / one.seconds)
            print(
                f"{name:14}{one.processes:>10}{one.seconds:>9.1f}{one.cpu:>8.1f}{rates[-1]:>12.0f}{one.early:>10}{one.late:>9}"
                f"{one.progress:>10}"
            )
            bad |= one.answers != options.messages or one.late > one.early * GROWTH or one.progress < 2
        print(f"\nall cores: {rates[0] / rates[1]:.2f} times one")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
