"""Incidents in the shapes that the other stages hand over, with example names only."""

from collections.abc import Callable

import pytest

from triage.hosts import Hosts
from triage.mend import Shelf
from triage.model import (
    Diagnosis,
    Ends,
    FilledRunbook,
    Incident,
    Observation,
    Product,
    Responsible,
    Software,
    Tls,
    Trust,
)

OURS = "hq-ex10a.contoso.example"
CLOUD = "fabrikam-example.mail.protection.outlook.com"
BUILDS = {
    "exchange-2007": "8.3.83.6",
    "exchange-2010-rtm": "14.3.123.4",
    "exchange-2010-ru9": "14.3.235.1",
    "exchange-2010-ru32": "14.3.513.0",
    "exchange-2013-rtm": "15.0.516.32",
    "exchange-2013-cu23": "15.0.1497.2",
    "exchange-2016-rtm": "15.1.225.42",
    "exchange-2016-cu23": "15.1.2507.6",
    "exchange-2019-cu15": "15.2.1748.10",
    "exchange-se": "15.2.2562.17",
}
"""Real builds of each version (Exchange Server build numbers and release dates)."""


@pytest.fixture(scope="session")
def shelf() -> Shelf:
    """Give the shipped runbooks."""
    return Shelf.load()


@pytest.fixture(scope="session")
def hosts() -> Hosts:
    """Give settings in which contoso.example is ours."""
    return Hosts(domains=["contoso.example"], hosts=[OURS])


@pytest.fixture
def incident() -> Callable[..., Incident]:
    """Give a builder: by default our server sends to Exchange Online and the verdict blames a TLS version."""

    def build(
        *,
        category: str = "tls-version",
        confidence: str = "certain",
        side: str | None = "sending",
        build: str | None = None,
        product: str | None = None,
        sending: str | None = OURS,
        receiving: str | None = CLOUD,
        ours: bool | None = True,
        source: str = "ndr",
        family: str = "session",
        kind: str = "host",
        trust: str = "unknown",
        error: str | None = None,
        domain: str | None = "fabrikam.example",
    ) -> Incident:
        stamp = Product(product, build) if product or build else None
        sample = Observation(
            source=source,  # type: ignore[arg-type]
            action="failed",
            sending_host=sending,
            receiving_host=receiving,
            recipient_domain=domain,
            reported_by=sending,
            tls=Tls(error=error),
            software=Software(receiving=stamp) if side == "receiving" else Software(sending=stamp),
            trust=Trust(level=trust),  # type: ignore[arg-type]
        )
        host = receiving if side == "receiving" else sending
        verdict = Diagnosis(
            category=category,  # type: ignore[arg-type]
            confidence=confidence,  # type: ignore[arg-type]
            responsible=Responsible(kind=kind, side=side, host=host, ours=ours),  # type: ignore[arg-type]
        )
        ends = Ends("hq-ex10a", "exchange-online")
        return Incident(id="one", state="open", family=family, ends=ends, verdict=verdict, sample=sample)  # type: ignore[arg-type]

    return build


@pytest.fixture
def text_of() -> Callable[[FilledRunbook], str]:
    """Give all that a filled runbook tells somebody to do: every step, without the list of what not to do."""

    def join(filled: FilledRunbook) -> str:
        steps = (*filled.before, *filled.check, *filled.change, *filled.verify, *filled.undo)
        pieces = [filled.title, filled.first, filled.way_round]
        for step in steps:
            pieces += [step.title, step.where or "", step.body, step.expected or "", step.undo or ""]
        return "\n".join(pieces)

    return join
