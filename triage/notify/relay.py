"""One try to tell one sink: what it came to, and when to try again."""

import random
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import structlog

from triage.notify.digest import Digest
from triage.notify.letter import Letter
from triage.notify.outcome import Accepted, Later, Outcome, Refused

PAUSES = (5, 30, 120, 300, 900, 1800, 3600)
"""Seconds between tries, the last from then on; each is drawn out by up to a fifth, so that many do not come at once."""

TRIES_AT_MOST = 80
"""About three days: a failure that outlasts a weekend is for a person."""


class Sink(Protocol):
    """Somebody who can be told. `at_most_twice` where it does not know a repeated id."""

    @property
    def name(self) -> str:
        """Give the name that the routing and the settings use."""

    @property
    def at_most_twice(self) -> bool:
        """Tell whether each message that arrives is shown, however often it came before."""

    def send(self, letter: Letter) -> Outcome:
        """Try once to tell it. Raises nothing that an outside fault causes."""


@runtime_checkable
class DigestSink(Protocol):
    """A sink that takes one message about several incidents too."""

    def send_digest(self, digest: Digest) -> Outcome:
        """Try once to tell it. Raises nothing that an outside fault causes."""


def deliver(sink: Sink, write: Callable[[], Letter], message: str, notices: Sequence[str], tries: int) -> Outcome:
    """Try once and say what came of it; a `Later` has its seconds filled in. Logs ids and reasons, never contents.

    `write` makes the letter with the id `message`, which tells the notices of these names.
    """
    return _tried(lambda: sink.send(write()), message, notices, tries)


def deliver_digest(
    sink: DigestSink, write: Callable[[], Digest], message: str, notices: Sequence[str], tries: int
) -> Outcome:
    """Do the same with a message about several incidents."""
    return _tried(lambda: sink.send_digest(write()), message, notices, tries)


def _tried(send: Callable[[], Outcome], message: str, notices: Sequence[str], tries: int) -> Outcome:
    log = structlog.get_logger().bind(message=message, notices=notices, tries=tries)
    try:
        result = send()
    # The outer edge: one message must not stop the others. The error is not printed: a traceback may show secrets.
    except Exception as error:  # noqa: BLE001
        result = Refused(f"This program failed on writing it ({type(error).__name__}). This is a fault of ours.")
    if isinstance(result, Later):
        if tries >= TRIES_AT_MOST:
            result = Refused(f"Given up after {tries} tries. {result.reason}")
        else:
            result = Later(result.reason, _seconds(result.seconds, tries), result.unsure)
    if isinstance(result, Accepted):
        log.info("notice_sent", remote=result.remote)
    else:
        log.warning("notice_failed" if isinstance(result, Refused) else "notice_put_off", reason=result.reason)
    return result


def _seconds(asked: int | None, tries: int) -> int:
    pause = PAUSES[min(tries, len(PAUSES)) - 1]
    own = pause + random.randrange(pause // 5 + 1)
    return own if asked is None else max(asked, 1)
