"""What an HTTP trigger answers: a body where all went well, else one sentence in JSON; never a traceback."""

import json
from collections.abc import Callable

import msgspec
import structlog

from triage.collect.limits import MIB
from triage.errors import BadInput, TooLarge, Transient, TriageError

UPLOAD_BYTES = 50 * MIB
"""Of one posted body: the bound of one document. Larger inputs are dropped into the inbox container, which streams."""

JSON = "application/json"


class Answer(msgspec.Struct, frozen=True):
    """An HTTP answer, before any framework's type."""

    status: int
    body: bytes
    media: str = JSON
    headers: dict[str, str] = {}


def answered(work: Callable[[], bytes], status: int = 200, media: str = JSON) -> Answer:
    """Give what `work` gives, or the sentence of what it raised: 4xx where the request is at fault, else 5xx."""
    try:
        return Answer(status, work(), media)
    except TooLarge as error:
        return _sorry(413, str(error))
    except BadInput as error:
        return _sorry(400, str(error))
    except Transient as error:
        return Answer(503, _sentence(str(error)), headers={"Retry-After": "30"})
    except TriageError as error:
        structlog.get_logger().error("request_failed", why=str(error))
        return _sorry(500, str(error))
    # The outer edge: the caller gets a sentence, the log what happened.
    except Exception:  # noqa: BLE001
        structlog.get_logger().exception("request_failed")
        return _sorry(500, "This program failed on it. This is a fault of ours; the log says more.")


def bounded(body: bytes) -> bytes:
    """Give a posted body. Raises `BadInput` for an empty one, `TooLarge` past the bound."""
    if not body:
        raise BadInput("The request has no body: post the message, log or archive itself.")
    if len(body) > UPLOAD_BYTES:
        raise TooLarge(
            f"The body has {-(-len(body) // MIB):,} MB and at most {UPLOAD_BYTES // MIB} MB are taken here."
            " Put larger inputs into the inbox container."
        )
    return body


def _sorry(status: int, sentence: str) -> Answer:
    return Answer(status, _sentence(sentence))


def _sentence(text: str) -> bytes:
    return json.dumps({"error": text}).encode()
