"""The `.reg` files, proved by merging them into a hive with Debian's hivex and reading the values back."""

import struct
import subprocess
from pathlib import Path

import pytest

from triage.mend import registry

TLS12 = r"SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2"
SCHANNEL_KEYS = [rf"{TLS12}\Client", rf"{TLS12}\Server"]
DOTNET_KEYS = [
    rf"SOFTWARE\{wow}Microsoft\.NETFramework\{runtime}"
    for wow in ("", "Wow6432Node\\")
    for runtime in ("v2.0.50727", "v4.0.30319")
]
EXPECTED = {
    **{key: {"DisabledByDefault": 0, "Enabled": 1} for key in SCHANNEL_KEYS},
    **{key: {"SystemDefaultTlsVersions": 1, "SchUseStrongCrypto": 1} for key in DOTNET_KEYS},
}


def empty_hive() -> bytes:
    """Build a hive with nothing but its root key: base block, one bin, a key node, a security cell, free space."""
    none, root, security = 0xFFFFFFFF, 0x20, 0xA0
    base = bytearray(4096)
    struct.pack_into("<4sIIQIIIIIII", base, 0, b"regf", 1, 1, 0, 1, 3, 0, 1, root, 4096, 1)
    checksum = 0
    for (word,) in struct.iter_unpack("<I", bytes(base[:508])):
        checksum ^= word
    struct.pack_into("<I", base, 508, checksum)
    hbin = bytearray(4096)
    struct.pack_into("<4sIIQQI", hbin, 0, b"hbin", 0, 4096, 0, 0, 0)
    name = b"ROOT"
    node = struct.pack("<2sHQIIIIIIIIII", b"nk", 0x2C, 0, 0, none, 0, 0, none, none, 0, none, security, none)
    node += struct.pack("<IIIIIHH", 0, 0, 0, 0, 0, len(name), 0) + name
    struct.pack_into("<i", hbin, root, -(security - root))
    hbin[root + 4 : root + 4 + len(node)] = node
    descriptor = struct.pack("<BBHIIII", 1, 0, 0x8000, 0, 0, 0, 0)
    cell = struct.pack("<2sHIIII", b"sk", 0, security, security, 1, len(descriptor)) + descriptor
    struct.pack_into("<i", hbin, security, -0x40)
    hbin[security + 4 : security + 4 + len(cell)] = cell
    struct.pack_into("<i", hbin, security + 0x40, 4096 - security - 0x40)
    return bytes(base + hbin)


@pytest.fixture
def hive(tmp_path: Path) -> Path:
    """Give a hive that holds the keys that every Windows has above ours."""
    path = tmp_path / "HKLM"
    path.write_bytes(empty_hive())
    # Windows makes the parents of a key by itself, hivexregedit does not: give it all keys above the last ones.
    steps = [key.split("\\") for key in EXPECTED]
    above = {tuple(parts[:depth]) for parts in steps for depth in range(1, len(parts))}
    lines = "".join("\n[" + "\\".join(("HKEY_LOCAL_MACHINE", *parts)) + "]\n" for parts in sorted(above))
    merge(path, f"Windows Registry Editor Version 5.00\n{lines}".encode("utf-16"))
    return path


def merge(hive: Path, content: bytes) -> None:
    """Merge a .reg file. hivexregedit reads UTF-8 with plain line ends, so the file is decoded as Windows would."""
    text = hive.with_suffix(".reg")
    text.write_text(content.decode("utf-16").replace("\r\n", "\n"), encoding="utf-8")
    command = ["hivexregedit", "--merge", "--prefix", "HKEY_LOCAL_MACHINE", str(hive), str(text)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def values(hive: Path, key: str) -> dict[str, int]:
    """Read the DWORD values of one key back."""
    found = subprocess.run(
        ["hivexregedit", "--export", str(hive), "\\" + key], check=True, capture_output=True, text=True, timeout=60
    )
    lines = (line for line in found.stdout.split("\n") if "=dword:" in line)
    return {line.split('"')[1]: int(line.rpartition(":")[2], 16) for line in lines}


@pytest.mark.needs_hivex
@pytest.mark.parametrize("key", EXPECTED)
def test_merged_file_sets_the_values(hive: Path, key: str) -> None:
    """Merged into a hive, the file leaves exactly the documented DWORD values under each key."""
    merge(hive, registry.change())
    assert values(hive, key) == EXPECTED[key]


@pytest.mark.needs_hivex
@pytest.mark.parametrize("key", EXPECTED)
def test_undo_file_takes_them_away_and_nothing_else(hive: Path, key: str) -> None:
    """The undo file deletes the values that were added, and leaves a value that somebody else set."""
    merge(hive, registry.change())
    other = f'Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\{key}]\r\n"Other"=dword:00000007\r\n'
    merge(hive, other.encode("utf-16"))
    merge(hive, registry.undo())
    assert values(hive, key) == {"Other": 7}


def test_no_other_key_is_touched() -> None:
    """The file names the two Schannel keys and the four .NET keys, and no other."""
    lines = registry.change().decode("utf-16").split("\r\n")
    keys = {line.strip("[]").removeprefix("HKEY_LOCAL_MACHINE\\") for line in lines if line.startswith("[")}
    assert keys == set(EXPECTED)


@pytest.mark.parametrize("content", [registry.change(), registry.undo()], ids=["change", "undo"])
def test_bytes_are_what_regedit_reads(content: bytes) -> None:
    """A file is UTF-16LE with a byte order mark, CRLF alone, and begins with the header of version 5."""
    assert content[:2] == b"\xff\xfe"
    text = content[2:].decode("utf-16-le")
    assert text.startswith("Windows Registry Editor Version 5.00\r\n\r\n[")
    assert "\n" not in text.replace("\r\n", "")
    assert "\r" not in text.replace("\r\n", "")
    assert text.endswith("\r\n\r\n")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("hq-ex10a.contoso.example", "tls12-hq-ex10a.contoso.example.reg"),
        ("HQ-EX10A", "tls12-hq-ex10a.reg"),
        ("2001:db8::1", "tls12-2001-db8-1.reg"),
        ("../../etc/passwd", "tls12-etc-passwd.reg"),
        ("'; Remove-Item C:\\ -Recurse #", "tls12-remove-item-c--recurse.reg"),
        (None, "tls12-server.reg"),
    ],
    ids=["host", "short-name", "address", "path", "command", "unknown"],
)
def test_file_names_hold_safe_characters_alone(host: str | None, name: str) -> None:
    """Whatever a host is called, the file's name has letters, digits, dots and hyphens only."""
    assert registry.files(host)[0][0] == name
