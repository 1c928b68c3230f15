"""The PowerShell script beside the `.reg` files: it reads the values of one server, sets them when asked, and takes them back.

The script itself is the text `tls12.ps1`, written for Windows PowerShell 2.0, which Windows Server 2008 R2 has. What it
holds to be right is filled in here, from the same data as everything else: the values of `registry`, the builds of
`triage.exchange`, and what each Windows does by itself.
"""

import codecs
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from triage import exchange
from triage.mend import registry
from triage.mend.gates import VERSIONS
from triage.safe_text import powershell

_TEMPLATE = Path(__file__).parent / "tls12.ps1"
_PLACE = re.compile("@@[A-Z]+@@")

# How Windows calls itself in `SOFTWARE\Microsoft\Windows NT\CurrentVersion`; from Windows Server 2016 on it is 10.0 for all.
_NUMBERS = {"2003": "5.2", "2008": "6.0", "2008-r2": "6.1", "2012": "6.2", "2012-r2": "6.3", "2016": "10.0"}

_ROOT = "HKEY_LOCAL_MACHINE\\"


def file(host: str | None) -> tuple[str, bytes]:
    """Give the script's name and bytes for one host: UTF-8 with a byte order mark and CRLF, as every PowerShell reads it."""
    (name, _), *_ = registry.files(host)
    return name.removesuffix(".reg") + ".ps1", codecs.BOM_UTF8 + text(host).replace("\n", "\r\n").encode()


def text(host: str | None) -> str:
    """Give the script for one host, filled in."""
    data = _data(host)
    return _PLACE.sub(lambda place: data[place[0]], _TEMPLATE.read_text("utf-8"))


def _data(host: str | None) -> Mapping[str, str]:
    return {
        "@@HOST@@": powershell(host or ""),
        "@@VALUES@@": _rows(
            {"Path": key.removeprefix(_ROOT), "Name": name, "Wanted": wanted, "Schannel": "SCHANNEL" in key}
            for key, values in registry.tls12()
            for name, wanted in values
        ),
        "@@LIMITS@@": _floors(exchange.FIRST_WITH_TLS12, reach_down=True),
        "@@GUIDANCE@@": _floors(exchange.GUIDANCE_FLOOR),
        "@@SYSTEMS@@": _rows({"Number": number, "Tls12": state} for number, state in _systems()),
        "@@EXPORTED@@": _rows({"Key": key, "File": name} for key, name in _exported()),
    }


def _floors(floors: Mapping[tuple[int, int], exchange.Build], *, reach_down: bool = False) -> str:
    """Give each floor with the branch that it holds for; with `reach_down` the first one holds for all older ones too."""
    rows: list[dict[str, str | int | bool]] = []
    for branch, build in sorted(floors.items()):
        below = ".".join(map(str, build))
        title = f"{exchange.product_of(below)} {exchange.level_of(below)}"
        start = "0.0" if reach_down and not rows else ".".join(map(str, branch))
        rows.append({"From": start, "Below": below, "Title": title})
    return _rows(rows)


def _systems() -> Iterable[tuple[str, str]]:
    """Give the number of each Windows, oldest first, and what it does about TLS 1.2 by itself."""
    known = {one.id: one.tls12 for label in VERSIONS.values() for one in exchange.windows_for(label.split(" or ")[0])}
    return [(number, known[name]) for name, number in _NUMBERS.items()]


def _exported() -> Iterable[tuple[str, str]]:
    """Give the keys to export before a change, and the files: parents, since the keys below may not exist yet."""
    schannel = registry.SCHANNEL.partition("\\Protocols")[0]
    names = ("schannel.reg", "dotnet.reg", "dotnet-32-bit.reg")
    keys = (key.replace(_ROOT, "HKLM\\") for key in (schannel, *registry.DOTNET))
    return zip(keys, names, strict=True)


def _rows(rows: Iterable[Mapping[str, str | int | bool]]) -> str:
    return "\n".join(
        "    @{ " + "; ".join(f"{name} = {_literal(value)}" for name, value in row.items()) + " }" for row in rows
    )


def _literal(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "$true" if value else "$false"
    return str(value) if isinstance(value, int) else powershell(value)
