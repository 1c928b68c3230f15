"""A small fuzzer of our own, guided by coverage: what reaches a line that nothing reached before is changed further.

It needs nothing but Python (3.12 for the guidance: `sys.monitoring`, whose events are switched off line by line, so that
what is known costs nothing). `run.py` takes atheris instead where that is installed.
"""

import random
import sys
import time
from collections.abc import Callable, Iterable
from types import CodeType
from typing import Any

SECONDS = 10.0
"""One input may take so long. What takes longer, with everything else that runs on the machine, is a finding."""
MOST_BYTES = 60_000
KEPT = 2_000
WORDS = (
    b"\n", b"\r\n", b"\r", b"\x00", b"\n\n", b"--", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3\x28", b" -> ", b"[Message=", b"'", b'"',
    b"(",
    b")", b"<", b">", b";", b":", b"@", b"#", b"=?utf-8?b?", b"?=", b"=?x?q?", b"550 5.1.1 ", b"421 4.4.2 ", b"Action: failed\n",
    b"Final-Recipient: rfc822; ", b"Content-Type: ", b"boundary=", b"multipart/mixed; boundary=b\n\n--b\n", b"message/rfc822\n\n",
    b"message/delivery-status\n\n", b"Content-Transfer-Encoding: base64\n", b"charset=utf-7", b"charset=idna", b"Received: from ",
    b" by ", b" with ", b" id ", b"Generating server: ", b"Remote Server returned '", b"smtp;", b"\x1f\x8b\x08\x00",
    b"PK\x03\x04", b"{", b"}", b"[", b"]", b'"LastError": ', b"#Fields: ", b"2026-10-18T09:14:00.000Z,", b"1" * 400, b"9" * 20,
    b"\xe2\x80\xae", b"192.0.2.999",
    b"Mon, 99 Foo 0000 99:99:99 +9999", b"0001-01-01T00:00:00Z", b"<!--", b"<p>", b"&#x110000;", b"xn--", b"::ffff:",
)  # fmt: skip


class Guide:
    """Tells whether a run reached a line of the package that no run before it reached."""

    TOOL = 4  # free for anybody: Python keeps 0, 1, 2 and 5 for debuggers, coverage, profilers and the optimizer

    def __init__(self, package: str) -> None:
        """Watch the code whose file has `package` in its path."""
        self.lines = 0
        self._package = package
        self._monitoring: Any = getattr(sys, "monitoring", None)

    def __enter__(self) -> "Guide":
        if self._monitoring is not None:
            self._monitoring.use_tool_id(self.TOOL, "fuzz")
            self._monitoring.restart_events()
            self._monitoring.register_callback(self.TOOL, self._monitoring.events.LINE, self._line)
            self._monitoring.set_events(self.TOOL, self._monitoring.events.LINE)
        return self

    def __exit__(self, *_: object) -> None:
        if self._monitoring is not None:
            self._monitoring.set_events(self.TOOL, 0)
            self._monitoring.free_tool_id(self.TOOL)

    def _line(self, code: CodeType, _: int) -> Any:
        self.lines += self._package in code.co_filename
        return self._monitoring.DISABLE


class Finding(Exception):
    """An input that a target raised on or took too long over."""

    def __init__(self, content: bytes, why: str) -> None:
        """Keep the input and what happened."""
        super().__init__(why)
        self.content = content


def try_one(target: Callable[[bytes], object], content: bytes) -> None:
    """Run a target on one input. Raises `Finding`."""
    began = time.perf_counter()
    try:
        target(content)
    except Exception as error:  # whatever it is, that is what is looked for
        raise Finding(content, f"{type(error).__name__}: {error}") from error
    took = time.perf_counter() - began
    if took > SECONDS:
        raise Finding(content, f"took {took:.1f} seconds")


def fuzz(
    target: Callable[[bytes], object], seeds: Iterable[bytes], seconds: float, seed: int = 0, runs: int | None = None
) -> tuple[int, int]:
    """Run a target on seeds and on what becomes of them; give how many runs there were and how many lines they reached.

    It ends after `seconds`, or after `runs` inputs. Raises `Finding` at the first.
    """
    chance = random.Random(seed)
    kept = [one[:MOST_BYTES] for one in seeds]
    done = 0
    until = time.monotonic() + seconds
    with Guide("triage") as guide:
        for one in chance.sample(kept, min(len(kept), 100)):
            try_one(target, one)
            done += 1
            if time.monotonic() > until:
                return done, guide.lines
        while time.monotonic() < until and (runs is None or done < runs):
            before = guide.lines
            content = mutated(kept, chance)
            try_one(target, content)
            done += 1
            if guide.lines > before and len(kept) < KEPT:
                kept.append(content)
        return done, guide.lines


def mutated(kept: list[bytes], chance: random.Random) -> bytes:
    """Give an input made of one or two that are kept, changed in a few places."""
    # What was kept last reached something new: it is taken more often.
    content = bytearray(kept[-1 - min(int(chance.expovariate(8 / len(kept))), len(kept) - 1)] if kept else b"")
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        at = chance.randrange(len(content) + 1)
        length = chance.choice((0, 1, 4, 30, 400))
        piece = bytes(content[at : at + length])
        match chance.randrange(8):
            case 0:
                content[at : at + length] = b""
            case 1:
                content[at:at] = chance.choice(WORDS)
            case 2:
                content[at : at + length] = chance.choice(WORDS)
            case 3:
                content[at:at] = piece * chance.choice((1, 3, 40))
            case 4:
                content[at : at + 1] = bytes((chance.randrange(256),))
            case 5:
                other = chance.choice(kept) if kept else b""
                start = chance.randrange(len(other) + 1)
                content[at:at] = other[start : start + 2_000]
            case 6:
                content = bytearray(
                    bytes(content).replace(b"\r\n", b"\n") if chance.random() < 0.5 else content.swapcase()
                )
            case _:
                content[at:at] = chance.randbytes(length)
    return bytes(content[:MOST_BYTES])
