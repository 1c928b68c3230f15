"""The Bicep files are whole in themselves, need no registry, and hold nothing secret."""

import json
import re
from pathlib import Path

import pytest

from tests.infra.bicep import EVERYTHING, INFRA, Resource, Template, Wrong, deployed, parsed, the

FILES = sorted(INFRA.rglob("*.bicep"))
PREVIEW_ALONE = {"Microsoft.Insights/diagnosticSettings"}
"""Has no version that is not a preview."""


def code(path: Path) -> str:
    """A file without its comments."""
    return re.sub(r"^\s*//.*$", "", path.read_text("utf-8"), flags=re.MULTILINE)


def templates(of: Template) -> list[Template]:
    """A template and the modules below it."""
    return [of, *(one for module in of.modules for one in templates(module))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_parses(path: Path) -> None:
    """pycep parses the file, so it can be checked where there is no compiler."""
    assert {"resources", "modules"} & parsed(path).keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_modules_are_local(path: Path) -> None:
    """No module comes from a registry or a template spec, and each file that a module names is there."""
    for name, module in parsed(path).get("modules", {}).items():
        assert module["type"] == "local", name
        assert (path.parent / module["detail"]["path"]).is_file(), name
    assert not re.search(r"'(?:br|ts)[:/]", code(path))


def test_every_file_is_deployed() -> None:
    """Each module file is reached from main.bicep."""
    assert {one.path for one in templates(deployed(**EVERYTHING))} == set(FILES)


@pytest.mark.parametrize("switches", [{}, EVERYTHING], ids=["nothing said", "all switched on"])
def test_names_parameters_and_outputs_fit(switches: dict[str, object]) -> None:
    """Each name is declared, each module gets its parameters and no others, each output that is read exists."""
    assert the(deployed(**switches).resources, "Microsoft.Web/sites")


def test_what_does_not_fit_is_noticed() -> None:
    """The working-out refuses a parameter that no file declares, and the lack of one without a default."""
    with pytest.raises(Wrong, match="no parameter"):
        deployed(colour="blue")
    with pytest.raises(Wrong, match="was not given name"):
        Template(INFRA / "modules/identity.bicep", {"location": "westeurope", "tags": {}})


def test_nothing_is_declared_in_vain() -> None:
    """Every parameter and variable is used."""
    used: dict[Path, set[str]] = {}
    for run in (deployed(), deployed(**EVERYTHING)):
        for one in templates(run):
            used.setdefault(one.path, set()).update(one.used)
    vain = {
        f"{path.name}: {name}"
        for path in FILES
        for part in ("parameters", "variables")
        for name in parsed(path).get(part, {})
        if name not in used[path]
    }
    assert vain == set()


def test_api_versions_are_released(resources: list[Resource]) -> None:
    """No resource is made with a preview of its interface, where there is another; one type has one version."""
    previews = {one.type for one in resources if "preview" in one.api_version}
    assert previews == PREVIEW_ALONE
    versions: dict[str, set[str]] = {}
    for one in resources:
        versions.setdefault(one.type, set()).add(one.api_version)
    assert {kind for kind, found in versions.items() if len(found) > 1} == set()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_key_is_asked_for_and_no_secret_stands_there(path: Path) -> None:
    """Nothing lists keys, takes or gives a secret, or holds a connection string."""
    text = code(path)
    assert (
        re.findall(r"\blist[A-Z]\w*\s*\(|getSecret\s*\(|@secure|AccountKey|SharedAccess\w*Key|sig=|whsec_", text) == []
    )
    assert "Microsoft.KeyVault/vaults/secrets" not in text


def test_parameters_file_holds_no_values_of_its_own() -> None:
    """Each parameter comes from the azd environment, so that no address or name of anybody's lies in the repository."""
    content = json.loads((INFRA / "main.parameters.json").read_text("utf-8"))
    for name, one in content["parameters"].items():
        assert re.fullmatch(r"\$\{(AZURE|BOUNCE)_[A-Z_]+(=\w+)?\}", one["value"]), name


def test_names_keep_the_rules_of_their_kinds(resources: list[Resource]) -> None:
    """Storage accounts and the vault, whose names are short and the world's, keep the rules for them."""
    for one in the(resources, "Microsoft.Storage/storageAccounts"):
        assert re.fullmatch(r"[a-z0-9]{3,24}", one.name)
    for one in the(resources, "Microsoft.KeyVault/vaults"):
        assert re.fullmatch(r"[a-z](?:-?[a-z0-9]){2,23}", one.name)


def test_no_two_resources_have_one_name(resources: list[Resource]) -> None:
    """No resource is declared twice: role assignments, whose names are made, above all."""
    made = [(one.type, one.name, one.scope.id if one.scope else None) for one in resources if not one.existing]
    assert len(made) == len(set(made))


def test_what_exists_is_made_elsewhere(resources: list[Resource]) -> None:
    """What a file refers to as existing, another file of the deployment makes."""
    made = {(one.type, one.name) for one in resources if not one.existing}
    inline = {
        ("Microsoft.Network/virtualNetworks/subnets", f"{one.name}/{subnet['name']}")
        for one in the(resources, "Microsoft.Network/virtualNetworks")
        for subnet in one.get("properties", "subnets")
    }
    assert {(one.type, one.name) for one in resources if one.existing} - made - inline == set()
