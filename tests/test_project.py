"""What holds for the project itself: its lists of requirements, its pages, the size of its files."""

import ast
import fnmatch
import json
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
NOT_OURS = {".git", ".venv", "node_modules", "build", "dist", "out", "htmlcov", "__pycache__", ".hypothesis"}
LISTS = ["requirements-lock.txt", "requirements-laptop.txt", "requirements.txt", "requirements-checkov.txt"]
LONGEST_MODULE = 400
LONGEST_FUNCTION = 60


def our_files(pattern: str = "*") -> Iterator[Path]:
    """Every file of the project that is not made by a tool."""
    for path in sorted(ROOT.rglob(pattern)):
        parts = path.relative_to(ROOT).parts
        made = any(part in NOT_OURS or part.endswith("_cache") or part.startswith(".coverage") for part in parts)
        if path.is_file() and not made:
            yield path


def pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """A requirement list as package -> (version, digests)."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / name).read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for line in text.splitlines():
        requirement, *digests = re.split(r"\s+--hash=", line.strip())
        parsed = Requirement(requirement)
        found[canonicalize_name(parsed.name)] = (str(parsed.specifier).removeprefix("=="), frozenset(digests))
    return found


def project() -> dict[str, list[str]]:
    """The direct dependencies in pyproject.toml: part -> requirements."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return {
        "runtime": content["project"]["dependencies"],
        **content["project"]["optional-dependencies"],
        **content["dependency-groups"],
    }


def names(requirements: list[str]) -> set[str]:
    """The packages that some requirements name."""
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def installed_closure(wanted: list[str], extras: frozenset[str] = frozenset()) -> set[str]:
    """The packages that some requirements bring on this Python, by what the installed packages say of themselves."""
    found: set[str] = set()
    for requirement in map(Requirement, wanted):
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            continue
        found.add(canonicalize_name(requirement.name))
        found |= installed_closure(requires(requirement.name) or [], frozenset(requirement.extras))
    return found


@pytest.mark.parametrize("name", LISTS)
def test_every_pin_is_exact_and_has_digests(name: str) -> None:
    """Each package in a list has one version and at least one SHA-256, so that pip takes nothing else."""
    for package, (version, digests) in pins(name).items():
        assert re.fullmatch(r"\d[\w.]*", version), package
        assert digests, package
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in digests), package


@pytest.mark.parametrize("name", ["requirements-laptop.txt", "requirements.txt"])
def test_derived_list_agrees_with_the_lock(name: str) -> None:
    """A derived list has the lock's versions and digests: what is tested is what is installed."""
    lock = pins("requirements-lock.txt")
    assert {package: lock.get(package) for package in pins(name)} == pins(name)


def test_lock_covers_every_dependency() -> None:
    """A dependency added to pyproject.toml without `make lock` is found."""
    direct = {name for part in project().values() for name in names(part)}
    assert direct - set(pins("requirements-lock.txt")) == set()


@pytest.mark.needs_functions
def test_deployment_list_is_runtime_and_azure_alone() -> None:
    """Azure installs what the runtime and the `azure` extra bring, and nothing more: no tool for development."""
    assert set(pins("requirements.txt")) == installed_closure(project()["runtime"] + project()["azure"])


def test_laptop_list_is_runtime_and_builder_alone() -> None:
    """`make run` installs what the runtime brings and the builder; Azure's packages stay away."""
    everywhere = set(pins("requirements-laptop.txt")) - {"colorama"}  # on Windows alone
    assert everywhere == installed_closure(project()["runtime"] + project()["build"])


def test_build_requirement_is_the_locked_builder() -> None:
    """The builder is named twice in pyproject.toml, for pip and for the lock, with the same words."""
    content = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert content["build-system"]["requires"] == content["dependency-groups"]["build"]


def test_locks_hold_no_download_address() -> None:
    """Where packages come from is each machine's setting; a lock that names a place works on one machine only."""
    for name in LISTS:
        assert not re.search(r"https?:|file:|index-url|find-links|/opt/", (ROOT / name).read_text("utf-8")), name
    packages = json.loads((ROOT / "package-lock.json").read_text("utf-8"))["packages"]
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []


def test_every_direct_dependency_has_its_reason() -> None:
    """docs/dependencies.md has a line for each package that the project names, and for no other."""
    page = (ROOT / "docs/dependencies.md").read_text("utf-8").partition("## From Debian")[0]
    told = {canonicalize_name(name) for name in re.findall(r"^\| `([^`]+)` \| \S", page, flags=re.MULTILINE)}
    node = set(json.loads((ROOT / "package.json").read_text("utf-8"))["devDependencies"])
    assert told == {name for part in project().values() for name in names(part)} | node


def test_no_file_names_a_machine_or_a_registry() -> None:
    """No file holds a path of the machine that it was written on, or the host of a package registry."""
    foreign = re.compile(
        r"(?<![\w.~}*])/(?:work|root|home)/\w|\bpypi\.org|pythonhosted\.org|registry\.npmjs|deb\.debian|\.\./shared/"
    )
    allowed = {Path(__file__): "", ROOT / "bench/accuracy.py": "../shared/"}
    for path in our_files():
        text = path.read_bytes().decode("utf-8", "replace")
        found = {match.group() for match in foreign.finditer(text)}
        assert path == Path(__file__) or found <= {allowed.get(path)}, path.relative_to(ROOT)


def test_changelog_opens_with_unreleased_changes() -> None:
    """The changelog's first section is Unreleased, and its headings are Keep a Changelog's."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE)[0] == "[Unreleased]"
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE)) <= kinds


def links(page: Path) -> set[Path]:
    """The files of this project that a Markdown page links to."""
    targets = re.findall(r"\]\(<?([^)\s>]+)", page.read_text("utf-8"))
    local = (target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#|\{|<", target))
    return {(page.parent / target).resolve() for target in local if target}


def test_every_page_is_reached_from_the_index() -> None:
    """Each page in docs/ is linked from README.md or docs/README.md, or from its folder's own index."""
    pages = set(our_files("docs/**/*.md"))
    indexes = [ROOT / "README.md", *(page for page in pages if page.name == "README.md")]
    reached = {target for index in indexes for target in links(index)} | {ROOT / "docs/README.md"}
    folders = {target for target in reached if target.is_dir()}
    lost = {page for page in pages - reached if page.parent not in folders}
    assert {str(page.relative_to(ROOT)) for page in lost} == set()


def test_azure_gets_the_app_and_nothing_else() -> None:
    """What .funcignore leaves at the top of the deployed tree is the app, its host file, its lock and the package."""
    patterns = [line for line in (ROOT / ".funcignore").read_text("utf-8").splitlines() if line and line[0] != "#"]
    top = {path.relative_to(ROOT).parts[0] for path in our_files()}
    sent = {name for name in top if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)}
    assert sent == {"function_app.py", "host.json", "requirements.txt", "triage"}


def test_files_and_functions_stay_small() -> None:
    """No module of the package passes 400 lines and no function 60: past that a reader needs a map."""
    large = []
    for path in our_files("triage/**/*.py"):
        text = path.read_text("utf-8")
        if text.count("\n") > LONGEST_MODULE:
            large.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    large.append(f"{path.relative_to(ROOT)}: {node.name}, {length} lines")
    assert large == []
