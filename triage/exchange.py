"""Exchange builds: which product and level a build is, and what SMTP on it can speak.

The builds stand in `knowledge/exchange_builds.csv`, what Windows below it does in `knowledge/windows.toml`.
A Received stamp gives builds zero-padded ("15.01.2106.002"), an admin gives them short ("14.3.123").
"""

import csv
import tomllib
from bisect import bisect_right
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from triage.errors import Misconfigured
from triage.typed import converted

KNOWLEDGE = Path(__file__).parent / "knowledge"

Build = tuple[int, int, int, int]

EXCHANGE_ONLINE = (15, 20)
"""Builds 15.20.* are Exchange Online; before 2018 it stamped 15.1.*, so the host decides, not the build alone."""

FIRST_WITH_TLS12: dict[tuple[int, int], Build] = {
    (14, 3): (14, 3, 235, 1),  # 2010 SP3 RU9: before it SMTP is bound to SSL 3.0 and TLS 1.0 (KB3029667)
    (15, 0): (15, 0, 1076, 9),  # 2013 CU8: the same (KB3045301)
}
GUIDANCE_FLOOR: dict[tuple[int, int], Build] = {
    (14, 3): (14, 3, 382, 0),  # 2010 SP3 RU19
    (15, 0): (15, 0, 1365, 1),  # 2013 CU19
    (15, 1): (15, 1, 1415, 2),  # 2016 CU8
}
"""Microsoft's guidance for TLS 1.2: a build below its floor may still speak TLS 1.2."""

INSIST_ON_TLS12 = frozenset({"Exchange 2019", "Exchange SE", "Exchange Online"})
"""Products that take nothing older than TLS 1.2 as they are set up."""

FIRST_SE = (15, 2, 2562, 0)
MAX_DIGITS = 5
"""No part of an Exchange build has more digits, padding included; a longer number is not a build."""


class Windows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One Windows Server: what Schannel does about TLS 1.2 without registry values, and the updates to have."""

    id: str
    title: str
    tls12: Literal["on", "off", "none"]
    exchange: tuple[str, ...]
    updates: tuple[str, ...]


def product_of(build: str) -> str | None:
    """Give the product of a build ("Exchange 2010" … "Exchange SE", "Exchange Online"); None where it is not known."""
    parts = _read(build)
    if parts is None:
        return None
    if parts[:2] == EXCHANGE_ONLINE:
        return "Exchange Online"
    if parts[:2] == (15, 2):
        return "Exchange SE" if parts >= FIRST_SE else "Exchange 2019"
    return {
        (6, 0): "Exchange 2000",
        (6, 5): "Exchange 2003",
        (8, 0): "Exchange 2007",
        (8, 1): "Exchange 2007",
        (8, 2): "Exchange 2007",
        (8, 3): "Exchange 2007",
        (14, 0): "Exchange 2010",
        (14, 1): "Exchange 2010",
        (14, 2): "Exchange 2010",
        (14, 3): "Exchange 2010",
        (15, 0): "Exchange 2013",
        (15, 1): "Exchange 2016",
    }.get(parts[:2])


def level_of(build: str) -> str | None:
    """Give the level of a build ("SP3 RU9", "CU23 Nov24SU"): that of the greatest known build not above it.

    Only builds of the same product and branch (14.3, 15.1) count; None where none is known.
    """
    parts = _read(build)
    if parts is None:
        return None
    known, levels = _builds()
    at = bisect_right(known, parts) - 1
    if at < 0 or known[at][:2] != parts[:2]:
        return None
    return levels[at]


def speaks_tls12(build: str) -> bool | None:
    """Say whether SMTP on this build can speak TLS 1.2 at all, Windows allowing; None where the build is not known."""
    parts = _read(build)
    if parts is None or product_of(build) is None:
        return None
    branch = parts[:2]
    if branch in FIRST_WITH_TLS12:
        return parts >= FIRST_WITH_TLS12[branch]
    return branch >= (15, 0)


def meets_guidance(build: str) -> bool | None:
    """Say whether a build is at or above the floor of the TLS 1.2 guidance; None where the build is not known."""
    parts = _read(build)
    if parts is None or product_of(build) is None:
        return None
    branch = parts[:2]
    if branch in GUIDANCE_FLOOR:
        return parts >= GUIDANCE_FLOOR[branch]
    return branch >= (15, 0)


def build_order(build: str) -> Build:
    """Give what orders builds, the oldest first; one that cannot be read comes before all others."""
    return _read(build) or (0, 0, 0, 0)


def windows_for(product: str) -> tuple[Windows, ...]:
    """Give the Windows versions that a product runs on, the oldest first; empty where that is not known."""
    return tuple(one for one in _windows() if product in one.exchange)


@lru_cache(maxsize=4096)
def _read(build: str) -> Build | None:
    """Read "15.01.2106.002" as (15, 1, 2106, 2), and "14.3.123" as the last revision of that build; else None."""
    parts = build.strip().split(".", 4)
    if len(parts) not in (3, 4) or not all(_is_number(part) for part in parts):
        return None
    numbers = [int(part) for part in parts]
    return (numbers[0], numbers[1], numbers[2], numbers[3] if len(numbers) == 4 else 10**MAX_DIGITS)


def _is_number(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) <= MAX_DIGITS


@cache
def _builds() -> tuple[list[Build], list[str]]:
    path = KNOWLEDGE / "exchange_builds.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = sorted((_read(row["build"]) or (0, 0, 0, 0), row["level"]) for row in csv.DictReader(file))
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise Misconfigured(f"The list of Exchange builds {path} cannot be read: {error}.") from error
    return [build for build, _ in rows], [level for _, level in rows]


@cache
def _windows() -> tuple[Windows, ...]:
    path = KNOWLEDGE / "windows.toml"
    try:
        return converted(tomllib.loads(path.read_text(encoding="utf-8"))["windows"], tuple[Windows, ...])
    except (OSError, KeyError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"The list of Windows versions {path} cannot be read: {error}.") from error
