"""Fuzzes what reads bytes from outside, for as long as you like.

    python fuzz/run.py [--minutes 60] [--target message] [--engine atheris]

Every target gets the same share of the time. With atheris (`pip install atheris`, kept out of the lock: it is no package
that anything else needs) the coverage of branches guides it; without it our own engine follows lines. An input that
raises, or takes more than ten seconds, is written to tests/fuzz/findings, where the tests run it again from then on; the
exit code is 1. Take it as small as you can, mend the cause, and leave it there.
"""

import argparse
import hashlib
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fuzz.engine import Finding, fuzz, try_one  # noqa: E402  # found beside this file, whether installed or not
from fuzz.targets import TARGETS, seeds  # noqa: E402

FINDINGS = ROOT / "tests" / "fuzz" / "findings"


def main() -> int:
    """Fuzz each target, print a line for each, and give 1 where one has a finding."""
    parser = argparse.ArgumentParser(description="Fuzz the decoders.")
    parser.add_argument("--minutes", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--target", choices=sorted(TARGETS), action="append", help="only this one; may be repeated")
    parser.add_argument("--engine", choices=("atheris", "own"), help="without it atheris where it is installed")
    parser.add_argument("--atheris", metavar="SECONDS", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.target or sorted(TARGETS)
    if options.atheris is not None:
        return _in_atheris(names[0], options.atheris)
    engine = options.engine or ("atheris" if importlib.util.find_spec("atheris") else "own")
    share = options.minutes * 60 / len(names)
    failed = False
    for name in names:
        failed |= (_atheris if engine == "atheris" else _own)(name, share)
    return int(failed)


def _own(name: str, share: float) -> bool:
    try:
        runs, lines = fuzz(TARGETS[name], seeds(), share, seed=time.time_ns())
    except Finding as found:
        _note(name, found)
        return True
    print(f"{name:14} {runs} inputs, {lines} lines reached, nothing found")
    return False


def _note(name: str, found: Finding) -> None:
    path = FINDINGS / f"{name}-{hashlib.sha256(found.content).hexdigest()[:12]}"
    FINDINGS.mkdir(parents=True, exist_ok=True)
    path.write_bytes(found.content)
    print(f"{name:14} {found}\n{'':14} kept in {path.relative_to(ROOT)}")


def _atheris(name: str, share: float) -> bool:
    """Run atheris in a process of its own: it ends its process."""
    command = [sys.executable, __file__, "--target", name, "--atheris", str(max(1, int(share)))]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True, errors="replace")
    told = [line for line in done.stderr.splitlines() if line.startswith(("Done", "stat::", "INFO: exec"))]
    print(f"{name:14} {told[-1] if told else 'atheris ended'}, exit code {done.returncode}")
    if done.returncode:
        print(done.stderr[-3000:])
    return done.returncode != 0


def _in_atheris(name: str, seconds: int) -> int:
    import tempfile

    atheris = importlib.import_module("atheris")  # installed apart, if at all

    def one(content: bytes) -> None:
        try:
            try_one(TARGETS[name], content)
        except Finding as found:
            _note(name, found)
            raise

    atheris.instrument_all()
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds()):
            Path(corpus, f"{number:05}").write_bytes(seed)
        limits = [f"-max_total_time={seconds}", "-max_len=60000", "-timeout=20", "-rss_limit_mb=2000"]
        atheris.Setup([sys.argv[0], *limits, corpus], one)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
