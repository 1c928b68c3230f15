"""The largest and most crooked inputs, each read in a process of its own as a person would: time and memory stay bounded."""

import gzip
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

MB = 2**20
SECONDS = 10
MEMORY = 300
"""MB at the peak, Python and the rules among them, beside the input itself where it is a message in memory."""
READ = """
import sys, time
from pathlib import Path
from triage.intake import Knowledge, inputs, read
from triage.diagnose import Rulebook
from triage.hosts import Hosts
from triage.model.wire import reading_pieces
knowledge = Knowledge(hosts=Hosts(), rulebook=Rulebook.load(None))
began = time.process_time()
kinds = set()
for item in inputs(sys.argv[1:]):
    reading = read(item, knowledge)
    assert "fault of ours" not in (reading.error or ""), reading.error
    for piece in reading_pieces(reading):
        piece.decode("utf-8")
    kinds.add(reading.kind)
took = time.process_time() - began
# Of this program alone: what getrusage tells begins with the peak of the process that started it.
status = Path("/proc/self/status").read_text(encoding="utf-8")
peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
print(took, peak // 1024, ",".join(sorted(kinds)))
"""

HEAD = b"Return-Path: <>\nFrom: MAILER-DAEMON@contoso.example\nSubject: Undelivered Mail\nMIME-Version: 1.0\n"
REPORT = (
    HEAD + b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nThe mail system\n\n"
    b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.contoso.example\n\n"
)
GROUP = b"Final-Recipient: rfc822; u%d@fabrikam.example\nAction: failed\nStatus: 5.1.1\n\n"


def _zip(name: str, content: bytes, times: int = 1) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(times):
            archive.writestr(f"{number}-{name}", content)
    return out.getvalue()


def _towered() -> bytes:
    content = _zip("a.eml", b"x" * MB)
    for _ in range(40):
        content = _zip("a.zip", content, times=2)
    return content


INPUTS: dict[str, Callable[[], bytes]] = {
    "a message of 49 MB": lambda: REPORT + GROUP % 1 + b"--b\nContent-Type: image/png\n\n" + (b"A" * 76 + b"\n") * 660_000,
    "nested a thousand deep": lambda: b"Content-Type: message/rfc822\n\n" * 1_000 + REPORT + GROUP % 1,
    "100,000 recipients": lambda: REPORT + b"".join(GROUP % number for number in range(100_000)),
    "10 MB of headers": lambda: HEAD + b"".join(b"X-%d: " % n + b"y" * 60 + b"\n" for n in range(150_000)) + b"\ntext",
    "a zip of 400 MB of blanks": lambda: _zip("a.eml", b" " * 40 * MB, times=10),
    "a tower of zips": _towered,
    "a gzip of 300 MB of zeros": lambda: gzip.compress(b"\x00" * 300 * MB, 1),
    "a boundary that never ends": lambda: HEAD + b"Content-Type: multipart/mixed; boundary=q\n\n" + b"--q\n" * 5_000_000,
    "lone surrogates": lambda: REPORT + GROUP % 1 + b"--b\nContent-Type: text/plain; charset=utf-8\n\n"
    + b"\xed\xa0\x80" * 5 * MB,
    "zeros": lambda: HEAD + b"\n" + b"\x00" * 40 * MB,
    "mixed line ends": lambda: HEAD + b"\n" + b"a\r\nb\rc\n\r" * 4 * MB,
}  # fmt: skip


@pytest.mark.parametrize("build", INPUTS.values(), ids=INPUTS)
def test_it_is_read_in_bounded_time_and_memory(build: Callable[[], bytes], tmp_path: Path) -> None:
    """Each gives an answer or a sentence, in ten seconds of processor time and 300 MB beside the input."""
    path = tmp_path / "hostile.bin"
    path.write_bytes(build())
    size = path.stat().st_size // MB
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seconds, peak, kinds = done.stdout.split()
    assert float(seconds) < SECONDS
    assert int(peak) < MEMORY + size
    assert kinds
