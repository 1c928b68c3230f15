"""Inputs with the answer that a person reads in them, written before they were run: the names that a test compares."""

import re
from functools import cache
from typing import Any

from triage.decode import decode
from triage.diagnose import Rulebook, diagnose
from triage.hosts import Hosts
from triage.model import Diagnosis, Observation

Expected = dict[str, Any]
"""Fields of an observation; `recipient` and the like are compared only where they are named."""


class Variants(dict[str, tuple[bytes, list[Expected], Expected]]):
    """Variants by name: the bytes, an answer for each observation, and what the document says as a whole."""

    def add(self, name: str, content: str | bytes, *answers: Expected, kind: str = "queue", **whole: Any) -> None:
        """Add a variant with the observations that it must give; `whole` are other fields of the document."""
        assert name not in self
        encoded = content.encode() if isinstance(content, str) else content
        self[name] = (encoded, list(answers), {"kind": kind, **whole})


@cache
def rulebook() -> Rulebook:
    """Give the shipped rules, read once."""
    return Rulebook.load()


def seen(observation: Observation, expected: Expected, hosts: Hosts | None = None) -> Expected:
    """Give those fields of an observation, and of what follows from it alone, that the answer names."""
    given: Expected = {
        "error": observation.tls.error,
        "phase": observation.tls.phase,
        "version": observation.tls.version,
        "required": observation.tls.required,
        "message_id": observation.original.message_id,
        "from": observation.original.from_,
        "subject": observation.original.subject,
        "wrapped_by": [one.status for one in observation.wrappers],
        "trust": observation.trust.level,
        "build": next(
            (one.build for one in (observation.software.sending, observation.software.receiving) if one), None
        ),
    }
    if expected.keys() & {"category", "confidence", "side"}:
        found = diagnose(observation, rulebook(), hosts or Hosts())
        given |= {"category": found and found.category, "confidence": found and found.confidence}
        given |= {"side": found and found.responsible.side}
    return {name: given[name] if name in given else getattr(observation, name) for name in expected}


def check(content: bytes, answers: list[Expected], whole: Expected, hosts: Hosts) -> None:
    """Assert that a variant gives its answers, one for each observation, and that no verdict is sure of a bare code."""
    document = decode(content, hosts)
    assert document.error is None
    found = document.observations
    told = [seen(one, answer, hosts) for one, answer in zip(found, answers, strict=False)]
    assert (told, len(found)) == (answers, len(answers))
    assert {name: getattr(document, name) for name in whole} == whole
    for one in found:
        assert not is_sure_of_a_code(one, diagnose(one, rulebook(), hosts))


def is_sure_of_a_code(observation: Observation, diagnosis: Diagnosis | None) -> bool:
    """Say whether a verdict is certain though the report has no word but numbers."""
    said = re.sub(r"[\d.\s-]+", "", observation.diagnostic or "")
    return diagnosis is not None and diagnosis.confidence == "certain" and not said and not observation.tls.error
