"""What azd prints at the end names the deployment's own identity, mailbox and vault, and runs nothing."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.bicep import INFRA, parsed

VALUES = {
    "BOUNCE_IDENTITY_CLIENT_ID": "11111111-1111-1111-1111-111111111111",
    "BOUNCE_IDENTITY_OBJECT_ID": "22222222-2222-2222-2222-222222222222",
    "BOUNCE_VAULT_NAME": "kv-abcdefghijklm",
    "BOUNCE_MAILBOX_ADDRESS": "bounces@contoso.example",
}
HOOKS = sorted((INFRA / "hooks").iterdir())


def say(values: dict[str, str], folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the hook with no program within reach but `cat`, so that it can but print."""
    shell = shutil.which("sh")
    (folder / "bin").mkdir()
    (folder / "bin/cat").symlink_to(shutil.which("cat") or "/bin/cat")
    return subprocess.run(
        [str(shell), str(INFRA / "hooks/what-remains.sh")],
        env={"PATH": str(folder / "bin"), **values},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_exchange_command_has_the_ids_filled_in(tmp_path: Path) -> None:
    """The command for the Exchange administrator is whole: application, object, mailbox."""
    done = say(VALUES, tmp_path)
    assert done.returncode == 0, done.stderr
    command = (
        "./infra/exchange/grant-mailbox.ps1 -AppId 11111111-1111-1111-1111-111111111111"
        " -ObjectId 22222222-2222-2222-2222-222222222222 -Mailbox bounces@contoso.example"
    )
    assert f"     {command}\n     {command} -Apply\n" in done.stdout
    assert "az keyvault secret set --vault-name kv-abcdefghijklm --name sinks-teams-url --file" in done.stdout
    assert done.stderr == ""


def test_exchange_command_fits_its_script() -> None:
    """The printed command gives each parameter that the script asks for, and none that it has not."""
    needed, switches = {"AppId", "ObjectId", "Mailbox"}, {"Apply"}
    script = INFRA / "exchange/grant-mailbox.ps1"
    if script.is_file():
        text = script.read_text("utf-8")
        needed = set(re.findall(r"Mandatory = \$true\)\] \[\w+\] \$(\w+)", text))
        switches = set(re.findall(r"\[switch\] \$(\w+)", text))
    printed = re.findall(r"grant-mailbox\.ps1 (.+)", (INFRA / "hooks/what-remains.sh").read_text("utf-8"))
    given = [set(re.findall(r"-(\w+)", line)) for line in printed]
    assert given
    assert [one - switches for one in given] == [needed] * len(given)


def test_without_a_mailbox_the_way_to_name_one_is_told(tmp_path: Path) -> None:
    """Where no mailbox was named, no command with a gap in it is printed."""
    done = say({**VALUES, "BOUNCE_MAILBOX_ADDRESS": ""}, tmp_path)
    assert done.returncode == 0
    assert "grant-mailbox.ps1" not in done.stdout
    assert "azd env set BOUNCE_MAILBOX_ADDRESS" in done.stdout


@pytest.mark.parametrize("name", [name for name in VALUES if name != "BOUNCE_MAILBOX_ADDRESS"])
def test_what_azd_did_not_give_is_named(name: str, tmp_path: Path) -> None:
    """A value that is missing ends the hook with its name, not with half a command."""
    done = say({**VALUES, name: ""}, tmp_path)
    assert done.returncode == 1
    assert name in done.stderr


@pytest.mark.parametrize("path", HOOKS, ids=lambda path: path.name)
def test_hooks_read_only_what_azd_gives(path: Path) -> None:
    """Each variable of a hook is an output of main.bicep or a variable that the person set."""
    asked = set(re.findall(r"\bBOUNCE_\w+", path.read_text("utf-8")))
    given = set(parsed(INFRA / "main.bicep")["outputs"])
    given |= set(re.findall(r"BOUNCE_\w+", (INFRA / "main.parameters.json").read_text("utf-8")))
    assert asked - given == set()


def test_both_shells_print_the_same_commands() -> None:
    """What Windows prints is what the others print: the same commands with the same variables."""

    def commands(name: str) -> list[str]:
        text = (INFRA / "hooks" / name).read_text("utf-8")
        return re.findall(r"^     (\S.*)$", text, flags=re.MULTILINE)

    assert commands("what-remains.sh")
    assert commands("what-remains.sh") == commands("what-remains.ps1")


def test_secrets_that_are_asked_for_are_those_that_the_app_reads() -> None:
    """Each secret of the printed commands is one that a setting refers to, and no setting's secret is left out."""
    asked = set(re.findall(r"--name (\S+)", (INFRA / "hooks/what-remains.sh").read_text("utf-8")))
    read = set(re.findall(r"secrets/([\w-]+)\)", (INFRA / "modules/functions.bicep").read_text("utf-8")))
    assert asked == read
    page = (
        (INFRA.parent / "docs/deploy.md")
        .read_text("utf-8")
        .partition("| secrets in the vault |")[2]
        .partition("\n\n")[0]
    )
    assert set(re.findall(r"`((?:sinks|notices)-[a-z-]+)`", page)) == read
