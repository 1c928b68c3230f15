"""Threads of a process that just started may all read at once: what msgspec has to know of types is there by then."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

SCRIPT = """
import os, sys, threading
sys.setswitchinterval(1e-6)
from triage.collect.journal import Entry, decoded, encoded
from triage.group.ledger import Ledger, read_ledger
from triage.group.readings import read_reading
from triage.group.stored import Head, heads
from triage.group.telling import Telling
from triage.mend import signs, vocabulary
from triage.model import Ends
from triage.decode import kinds, prose_words
from triage import exchange, hosts
from triage.diagnose import evidence, rulebook

ledger = Ledger(id="AAAAAAAA", family="session", ends=Ends()).encode()
entry = encoded(Entry(path="a.eml", index=0, sha256="0" * 64, size=1, at="2026-10-20T12:00:00Z"))[1]
jobs = {
    "ledgers": lambda: read_ledger(ledger),
    "entries": lambda: decoded(entry),
    "signs": signs.load,
    "phrases": lambda: (prose_words.phrases(), kinds.words()),
    "evidence": lambda: (evidence.facts(), rulebook.categories()),
    "hosts": lambda: (hosts.pool_ids(), exchange.windows_for("Exchange 2010")),
}
for name, job in jobs.items():
    for _ in range(15):
        child = os.fork()
        if child == 0:
            together = threading.Barrier(8)
            def work():
                together.wait()
                job()
            threads = [threading.Thread(target=work) for _ in range(8)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            sys.exit(f"{name}: a process died")
"""


def test_first_readings_in_many_threads_harm_nobody() -> None:
    """Eight threads that read as the first in their process, ninety times: none crashes it."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
