"""The script that grants the mailbox, as far as it can be held without Exchange Online: its text against its promises."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPT = (ROOT / "infra/exchange/grant-mailbox.ps1").read_text("utf-8")
HELP, _, CODE = SCRIPT.partition("#>")
PAGE = (ROOT / "docs/mailbox.md").read_text("utf-8")
CMDLETS = {
    "New-ServicePrincipal": {"AppId", "ObjectId", "DisplayName"},
    "New-ManagementScope": {"Name", "RecipientRestrictionFilter"},
    "New-ManagementRoleAssignment": {"App", "Role", "CustomResourceScope"},
    "Test-ServicePrincipalAuthorization": {"Identity", "Resource"},
}
"""The cmdlets and the parameters that Microsoft's pages give them."""


def parameters() -> set[str]:
    """Give the names of the script's own parameters."""
    block = CODE[CODE.index("param(") : CODE.index("Set-StrictMode")]
    return set(re.findall(r"\] \$(\w+)", block))


def test_every_parameter_is_explained() -> None:
    """`Get-Help` says what each parameter is, and names none that does not exist."""
    assert set(re.findall(r"^\.PARAMETER (\w+)$", HELP, re.MULTILINE)) == parameters()


def test_nothing_is_changed_without_apply() -> None:
    """Every cmdlet that makes, sets or removes something stands in the block that -Apply opens."""
    opened = CODE.index("if ($Apply) {")
    closed = CODE.index("\n}\n", opened)
    changing = [found.start() for found in re.finditer(r"\b(?:New|Set|Remove|Add|Enable)-(?:M|S)[A-Z]?\w+", CODE)]
    changing = [at for at in changing if not CODE.startswith("Set-StrictMode", at)]
    assert len(changing) == 3
    assert all(opened < at < closed for at in changing)
    assert "exit 1" in CODE[:opened]


def test_the_documented_commands_are_those_of_the_script() -> None:
    """Page and script use the same cmdlets with parameters that these have."""
    for text in (CODE, PAGE):
        for cmdlet, known in CMDLETS.items():
            uses = re.findall(rf"{cmdlet} (-[^\n|]+)", text)
            assert uses, cmdlet
            for use in uses:
                outside = re.sub(r"\"[^\"]*\"|'[^']*'", "", use)
                assert set(re.findall(r"(?<!\S)-([A-Z]\w+)", outside)) - {"ErrorAction"} <= known, use


def test_the_documented_call_names_parameters_that_exist() -> None:
    """Whoever copies the call from the page is not told of an unknown parameter."""
    (call,) = re.findall(r"^\./infra/exchange/grant-mailbox\.ps1 .*?(?=\n```)", PAGE, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"(?<!\S)-(\w+)", call)) <= parameters()
    assert {"Mailbox", "AppId", "ObjectId"} <= set(re.findall(r"(?<!\S)-(\w+)", call))


def test_brackets_and_blocks_are_closed() -> None:
    """Outside strings and comments, each bracket that opens is closed, in order."""
    bare = re.sub(r"#[^\n]*", "", re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "", CODE))
    waiting: list[str] = []
    for one in bare:
        if one in "([{":
            waiting.append({"(": ")", "[": "]", "{": "}"}[one])
        elif one in ")]}":
            assert waiting.pop() == one
    assert waiting == []
