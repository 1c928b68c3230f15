"""The HTTP triggers: a posted body in, an answer out."""

from triage.cloud.answer import Answer, answered, bounded
from triage.cloud.host_log import function
from triage.model.wire import json_line

LINES = "application/x-ndjson"


@function
def uploaded(body: bytes, name: str) -> Answer:
    """Keep a posted body in the inbox: 202 and where it lies; it is read and counted soon after."""
    from triage.cloud import take_in_upload

    return answered(lambda: json_line(take_in_upload(bounded(body), name)), status=202)


@function
def diagnosed(body: bytes) -> Answer:
    """Say what a posted body means, a line of the contract's JSON for each document; nothing is kept."""
    from triage.wiring import diagnose_bytes

    return answered(lambda: diagnose_bytes(bounded(body), "http"), media=LINES)
