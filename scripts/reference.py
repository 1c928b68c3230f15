"""Print docs/commands.md from the commands themselves."""

from collections.abc import Iterator
from typing import Any

import typer

from triage.cli.app import app


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Give every command that does something, with its full name."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from commands(inner, f"{path} {name}")


def usage(parameter: Any) -> str:
    """Give what is typed for one argument or option."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    names = ", ".join(parameter.opts)
    return names if parameter.is_flag else f"{names} {parameter.metavar or 'TEXT'}"


def section(path: str, command: Any) -> str:
    """Give the section of one command."""
    lines = [f"## `{path}`", "", " ".join((command.help or "").split()), ""]
    if command.epilog:
        lines += [command.epilog.replace(": ", ": `", 1) + "`.", ""]
    rows = []
    for parameter in command.params:
        if "--help" in parameter.opts:
            continue
        name = (
            (parameter.metavar or parameter.name.upper())
            if parameter.param_type_name == "argument"
            else ", ".join(parameter.opts)
        )
        value = (
            "" if parameter.param_type_name == "argument" or parameter.is_flag else f" {parameter.metavar or 'TEXT'}"
        )
        rows.append(f"| `{name}{value}` | {' '.join((parameter.help or '').split())} |")
    if rows:
        lines += ["| | |", "| --- | --- |", *rows, ""]
    return "\n".join(lines)


def page() -> str:
    """Give the whole page."""
    top = typer.main.get_command(app)
    head = (
        "# Commands\n\nWritten by `python scripts/reference.py`. Exit codes: see [the contract](contract.md#exit-codes).\n"
        "`triage --install-completion` teaches your shell the commands, their options and the ids of incidents.\n"
    )
    return "\n".join([head, *(section(path, command) for path, command in commands(top, "triage"))]).rstrip() + "\n"


if __name__ == "__main__":
    print(page(), end="")
