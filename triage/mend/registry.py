"""`.reg` files: the TLS 1.2 values for a Windows server, and the file that takes them away again.

Format: "Windows Registry Editor Version 5.00", UTF-16LE with a byte order mark, CRLF, as `reg import` reads it.
Values and their meaning: https://learn.microsoft.com/en-us/exchange/troubleshoot/email-delivery/send-receive-emails-socketerror
and https://learn.microsoft.com/en-us/exchange/plan-and-deploy/post-installation-tasks/security-best-practices/exchange-tls-configuration
"""

import codecs
import re

HEADER = "Windows Registry Editor Version 5.00"
"""The first line of a file for Windows 2000 and later; with it the file must be UTF-16."""

SCHANNEL = r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\SecurityProviders\SCHANNEL\Protocols\TLS 1.2"
DOTNET = (
    r"HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\.NETFramework",
    r"HKEY_LOCAL_MACHINE\SOFTWARE\Wow6432Node\Microsoft\.NETFramework",
)
_RUNTIMES = ("v2.0.50727", "v4.0.30319")

_NOT_FILE_NAME = re.compile(r"[^a-z0-9.-]+")
_FILE_NAME_LIMIT = 100
"""Leaves room for a folder within the 260 characters of a Windows path."""

Values = tuple[tuple[str, tuple[tuple[str, int], ...]], ...]


def tls12() -> Values:
    """Give the keys with their DWORD values: Schannel for both roles, and .NET for all four of its paths.

    Both roles and both runtimes always: an Exchange server sends and receives, Exchange 2010 runs on the v2 pair
    and 2013 or later on the v4 pair, and Microsoft's advice is to set the pairs alike.
    """
    schannel = tuple(
        (f"{SCHANNEL}\\{role}", (("DisabledByDefault", 0), ("Enabled", 1))) for role in ("Client", "Server")
    )
    dotnet = tuple(
        (f"{root}\\{runtime}", (("SystemDefaultTlsVersions", 1), ("SchUseStrongCrypto", 1)))
        for root in DOTNET
        for runtime in _RUNTIMES
    )
    return schannel + dotnet


def change() -> bytes:
    """Give the file that sets the values of `tls12`."""
    return _file([(key, [f'"{name}"=dword:{value:08x}' for name, value in values]) for key, values in tls12()])


def undo() -> bytes:
    """Give the file that deletes exactly the values of `tls12`, and no key.

    A value that stood there before comes back from the backup, not from this file.
    """
    return _file([(key, [f'"{name}"=-' for name, _ in values]) for key, values in tls12()])


def files(host: str | None) -> tuple[tuple[str, bytes], ...]:
    """Give both files with their names, safe for every file system."""
    name = _NOT_FILE_NAME.sub("-", (host or "server").lower()).strip(".-")[:_FILE_NAME_LIMIT] or "server"
    return ((f"tls12-{name}.reg", change()), (f"tls12-{name}-undo.reg", undo()))


def _file(keys: list[tuple[str, list[str]]]) -> bytes:
    blocks = [HEADER, *("\r\n".join([f"[{key}]", *lines]) for key, lines in keys)]
    return codecs.BOM_UTF16_LE + ("\r\n\r\n".join(blocks) + "\r\n\r\n").encode("utf-16-le")
