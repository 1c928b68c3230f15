"""Facts that speak for or against a verdict: read from `evidence.toml`, tested on a case, told in a sentence."""

import tomllib
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from string import Formatter
from typing import Literal

import msgspec

from triage import exchange
from triage.diagnose.case import Case
from triage.errors import Misconfigured
from triage.model import Evidence, Product
from triage.model.words import Category, Phase, TlsVersion, TrustLevel
from triage.typed import converted

KNOWLEDGE = Path(__file__).parent / "evidence.toml"

MAX_QUOTED = 80
"""Characters of a reply that a sentence of ours repeats."""

BuildTest = Literal["lacks-tls12", "below-guidance", "needs-windows", "speaks-tls12", "insists-on-tls12"]


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must hold: every condition that is given."""

    sending: tuple[str, ...] = ()
    receiving: tuple[str, ...] = ()
    sending_build: BuildTest | None = None
    receiving_build: BuildTest | None = None
    phase: tuple[Phase, ...] = ()
    error: tuple[str, ...] = ()
    tls_version: tuple[TlsVersion, ...] = ()
    required: bool | None = None
    tls12_success: bool | None = None
    failed_handshake: bool | None = None
    trust: tuple[TrustLevel, ...] = ()


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[evidence]]` of `evidence.toml`."""

    id: str
    text: str
    when: Conditions = Conditions()
    where: str | None = None
    steps: int = 1
    proves: Category | None = None
    shows: tuple[Category, ...] = ()
    counted: Literal["sessions", "reports"] | None = None

    def holds(self, case: Case) -> bool:
        """Say whether all conditions of this fact hold."""
        return _fits_ends(self.when, case) and _fits_session(self.when, case)

    def told(self, case: Case, supports: bool, count: str = "", values: Mapping[str, str] | None = None) -> Evidence:
        """Give the fact as a sentence about this case. `count` says how often it was seen ("12 of 12 sessions").

        `values` are those that a case alone does not have.
        """
        known = values or {}
        named = {name: known[name] if name in known else _VALUES[name](case) for name in _names_in(self.text)}
        text = self.text.format_map(named)
        text = f"{text}: {count}" if count else text
        time = case.seen.time if self.counted else None
        return Evidence(id=self.id, supports=supports, text=text, where=self.where, time=time)


def _fits_ends(when: Conditions, case: Case) -> bool:
    """Say whether the kinds and builds of both ends are what a fact asks for."""
    if when.sending and case.sending not in when.sending:
        return False
    if when.receiving and case.receiving not in when.receiving:
        return False
    if when.sending_build is not None and when.sending_build not in _builds(case, "sending"):
        return False
    return when.receiving_build is None or when.receiving_build in _builds(case, "receiving")


def _fits_session(when: Conditions, case: Case) -> bool:
    """Say whether what was seen of the session, and how far the report is believed, is what a fact asks for."""
    tls = case.seen.tls
    if (when.phase and tls.phase not in when.phase) or (when.error and tls.error not in when.error):
        return False
    if when.tls_version and tls.version not in when.tls_version:
        return False
    if when.trust and case.seen.trust.level not in when.trust:
        return False
    if when.required is not None and tls.required is not when.required:
        return False
    if when.tls12_success is not None and (case.tls12_successes > 0) is not when.tls12_success:
        return False
    return when.failed_handshake is None or case.failed_handshake is when.failed_handshake


def _builds(case: Case, side: Literal["sending", "receiving"]) -> frozenset[BuildTest]:
    """Give what the build at one end tells; a host of Exchange Online is told by its name, not by its stamp."""
    kind, product = (
        (case.sending, case.sending_product) if side == "sending" else (case.receiving, case.receiving_product)
    )
    if kind == "exchange-online":
        return frozenset({"speaks-tls12", "insists-on-tls12"})
    tells = _tells(product.build) if product is not None and product.build else frozenset()
    # The two ends were seen to speak TLS 1.2: whatever build a report names, the server can.
    return tells - {"lacks-tls12"} if case.tls12_successes else tells


@lru_cache(maxsize=1024)
def _tells(build: str) -> frozenset[BuildTest]:
    speaks = exchange.speaks_tls12(build)
    if speaks is None:
        return frozenset()
    if not speaks:
        return frozenset({"lacks-tls12"})
    if not exchange.meets_guidance(build):
        return frozenset({"below-guidance"})
    product = exchange.product_of(build) or ""
    if any(windows.tls12 != "on" for windows in exchange.windows_for(product)):
        return frozenset({"needs-windows"})
    if product in exchange.INSIST_ON_TLS12:
        return frozenset({"speaks-tls12", "insists-on-tls12"})
    return frozenset({"speaks-tls12"})


def software_name(product: Product | None) -> str:
    """Give "Exchange 2010 SP3 build 14.3.123.4", as far as known."""
    return "unknown software" if product is None else _name_of(product.product, product.build)


@lru_cache(maxsize=1024)
def _name_of(product: str | None, build: str | None) -> str:
    name = (exchange.product_of(build) if build else None) or product or "software"
    level = exchange.level_of(build) if build else None
    return " ".join(part for part in (name, level, f"build {build}" if build else None) if part)


def _software(product: Product | None, told_by: str | None) -> str:
    name = software_name(product)
    return f"{name} (told by: {told_by})" if told_by else name


def quoted(case: Case) -> str:
    """Give the reply of a case in short, in quotation marks: these are the report's words, not ours."""
    seen = case.seen
    code, status, whole = seen.reply_code, seen.status, case.text
    head = f"{code} {status}" if code and status else str(code or status or "")
    if not whole.startswith(head[:3]):
        whole = f"{head} {whole}".strip()
    text = whole if len(whole) <= MAX_QUOTED else whole[: MAX_QUOTED - 1].rstrip() + "…"
    return f"“{text}”" if text else "no text"


_VALUES: Mapping[str, Callable[[Case], str]] = {
    "sending": lambda case: case.sending_host or "the sending server",
    "receiving": lambda case: case.receiving_host or "the receiving server",
    "sending_software": lambda case: _software(case.sending_product, case.sending_told_by),
    "receiving_software": lambda case: _software(case.receiving_product, case.receiving_told_by),
    "error": lambda case: case.seen.tls.error or "no name given",
    "version": lambda case: case.seen.tls.version or "",
    "reply": quoted,
    "status": lambda case: case.seen.status or "",
    "reasons": lambda case: "; ".join(case.seen.trust.reasons) or "no reason given",
    "successes": lambda case: f"{case.tls12_successes} session{'s' if case.tls12_successes != 1 else ''}",
}


@lru_cache(maxsize=1024)
def _names_in(text: str) -> tuple[str, ...]:
    """Give the values that a fact's text names."""
    return tuple(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@cache
def facts() -> dict[str, Fact]:
    """Give all facts by id. Raises `Misconfigured` where `evidence.toml` is not what it should be."""
    try:
        entries = tomllib.loads(KNOWLEDGE.read_text(encoding="utf-8"))["evidence"]
        read = converted(entries, tuple[Fact, ...])
    except (OSError, KeyError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"The facts in {KNOWLEDGE} cannot be read: {error}.") from error
    return {fact.id: fact for fact in read}
