"""The PowerShell script: its data, its language, and that it cannot do more than it says.

No PowerShell runs here: what Windows does with the script is not proved by these tests. They hold its syntax tree
against Windows PowerShell 2.0 (the language of Windows Server 2008 R2) and its data against the `.reg` files.
"""

import codecs
import re
from collections.abc import Callable, Iterator

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from triage import exchange
from triage.hosts import Hosts
from triage.mend import Shelf, fill, registry, script
from triage.model import Incident

PARSER = Parser(Language(tree_sitter_powershell.language()))
HOST = "hq-ex10a.contoso.example"

# Windows PowerShell 2.0: `Get-Help` of each of them on Windows Server 2008 R2.
COMMANDS = {
    "add-content": {"literalpath", "encoding", "value"},
    "get-childitem": {"path", "recurse", "force", "filter", "erroraction"},
    "get-content": {"literalpath"},
    "get-date": {"format"},
    "join-path": {"path", "childpath"},
    "move-item": {"literalpath", "destination", "force"},
    "new-item": {"itemtype", "path"},
    "new-object": {"typename", "argumentlist"},
    "out-null": set(),
    "select-string": {"path", "pattern", "simplematch"},
    "set-strictmode": {"version"},
    "sort-object": {"property", "descending"},
    "test-path": {"literalpath"},
    "where-object": set(),
    "write-host": set(),
}
OPERATORS = {"-eq", "-ne", "-ge", "-lt", "-gt", "-contains", "-match", "-and", "-or", "-not", "-f"}
TYPES = {
    *("cmdletbinding", "switch", "string", "int", "version", "intptr", "environment"),
    *("microsoft.win32.registry", "microsoft.win32.registryvaluekind", "system.diagnostics.fileversioninfo"),
    *(f"security.principal.{name}" for name in ("windowsprincipal", "windowsidentity", "windowsbuiltinrole")),
}
# .NET Framework 2.0: members of RegistryKey, FileVersionInfo, Version, String, Array, Environment, WindowsPrincipal,
# of what Get-ChildItem and a caught error give; and the keys of the script's own tables.
MEMBERS = {
    *("localmachine", "opensubkey", "createsubkey", "getvalue", "getvaluekind", "setvalue", "deletevalue", "close"),
    *("dword", "getversioninfo", "filemajorpart", "fileminorpart", "filebuildpart", "fileprivatepart"),
    *("tostring", "split", "count", "size", "getenvironmentvariable", "getcurrent", "isinrole", "administrator"),
    *("fullname", "psiscontainer", "exception", "message"),
    *("path", "name", "wanted", "schannel", "state", "data", "text", "number", "title", "tls12", "pack"),
    *("from", "below", "key", "file", "before"),
}
NEW_VARIABLES = {"$psitem", "$psscriptroot", "$pscommandpath", "$psedition", "$iswindows", "$foreach"}
NEW_NODES = {
    *(
        "class_statement",
        "enum_statement",
        "pipeline_chain_tail",
        "redirection",
        "parallel_statement",
        "inlinescript_statement",
    ),
    *("sequence_statement", "data_statement", "splatted_variable", "stop_parsing", "hash_literal_in_class", "ERROR"),
}


def nodes(node: Node) -> Iterator[Node]:
    """Give a node and all below it."""
    yield node
    for child in node.children:
        yield from nodes(child)


def word(node: Node | None) -> str:
    """Give the text of a node in small letters: PowerShell takes both for the same."""
    return node.text.decode().lower() if node is not None and node.text is not None else ""


def beyond_2_0(text: str) -> list[str]:
    """Name all in a script that Windows PowerShell 2.0 does not know, as far as its syntax tree shows it."""
    tree = PARSER.parse(text.encode())
    every = list(nodes(tree.root_node))
    own = {word(one) for one in every if one.type == "function_name"}
    found = [f"{one.type}: {word(one)[:40]}" for one in every if one.is_missing or one.type in NEW_NODES]
    for one in every:
        if one.type == "command":
            found += _command(one, own)
        elif one.type in ("comparison_operator", "format_operator") or (one.type.startswith("-") and not one.is_named):
            found += [f"operator {word(one)}"] if word(one) not in OPERATORS | {"-"} else []
        elif one.type == "type_name" and one.parent is not None and one.parent.type != "type_name":
            found += [f"type {word(one)}"] if word(one) not in TYPES else []
        elif one.type == "attribute_name":
            found += [f"attribute {word(one)}"] if word(one) not in TYPES else []
        elif one.type == "member_name":
            found += [f"member {word(one)}"] if word(one) not in MEMBERS else []
        elif one.type == "variable":
            name = word(one)
            found += [f"variable {name}"] if name in NEW_VARIABLES or name.startswith("$using:") else []
    return found


def _command(command: Node, own: set[str]) -> Iterator[str]:
    name = word(command.child_by_field_name("command_name"))
    if not name.strip() or name in own or name.startswith("$"):
        return
    if name not in COMMANDS:
        yield f"command {name}"
        return
    elements = command.child_by_field_name("command_elements")
    for one in elements.children if elements is not None else []:
        if one.type == "command_parameter" and word(one).strip("-:") not in COMMANDS[name]:
            yield f"parameter {name} {word(one)}"
        if name == "where-object" and one.type == "generic_token":
            yield "where-object without a block"


def test_the_script_is_powershell_2_0() -> None:
    """Every command, parameter, operator, type and member of it is one that Windows Server 2008 R2 knows."""
    assert PARSER.parse(script.text(HOST).encode()).root_node.has_error is False
    assert beyond_2_0(script.text(HOST)) == []


@pytest.mark.parametrize(
    "newer",
    [
        "class Value { }",
        "enum Word { Right }",
        "if ('a' -in $list) { }",
        "$a -notin $b",
        "$a -shl 2",
        "$version = [version]::new(1, 2)",
        "$rows = [ordered]@{ a = 1 }",
        "$row = [pscustomobject]@{ a = 1 }",
        "$a = $b ?? $c",
        "Get-Date && Get-Date",
        "$list.Where({ $_ })",
        "$list | ForEach-Object { $PSItem }",
        "Where-Object Name -eq 'x'",
        "Join-Path -Path $PSScriptRoot -ChildPath 'x'",
        "Get-ChildItem -Path C:\\ -File",
        "Get-Content -LiteralPath C:\\x -Raw",
        "Select-String -LiteralPath C:\\x -Pattern y",
        "Get-CimInstance Win32_OperatingSystem",
        "ConvertTo-Json $a",
        "[string]::IsNullOrWhiteSpace($a)",
        "Get-Date *> C:\\x",
    ],
)
def test_newer_language_is_found(newer: str) -> None:
    """What came with PowerShell 3.0 or later does not pass for 2.0."""
    assert beyond_2_0(newer) != []


AUTOMATIC = {"$null", "$true", "$false", "$_", "$matches", "$lastexitcode", "$erroractionpreference"}
"""Variables that PowerShell 2.0 itself sets."""


def test_every_variable_is_set_somewhere() -> None:
    """Under strict mode a misspelt variable stops the script: each one that is read is assigned, looped or a parameter."""
    every = list(nodes(PARSER.parse(script.text(HOST).encode()).root_node))
    read = {word(one) for one in every if one.type == "variable" and not word(one).startswith("$env:")}
    parameters = {
        word(child)
        for one in every
        if one.type == "script_parameter"
        for child in one.children
        if child.type == "variable"
    }
    assigned = {
        word(found) for one in every if one.type == "left_assignment_expression" for found in nodes(one)
        if found.type == "variable"
    }  # fmt: skip
    looped = {
        word(one.children[2]) for one in every if one.type == "foreach_statement" and one.children[2].type == "variable"
    }
    assert looped
    assert read - parameters - assigned - looped - AUTOMATIC == set()
    environment = {word(one) for one in every if one.type == "variable" and word(one).startswith("$env:")}
    assert environment == {"$env:allusersprofile", "$env:systemroot", "$env:computername", "$env:systemdrive"}


def test_every_function_gets_the_arguments_that_it_takes() -> None:
    """A call of one of the script's functions gives as many arguments as it has parameters."""
    every = list(nodes(PARSER.parse(script.text(HOST).encode()).root_node))
    takes = {}
    for one in every:
        if one.type == "function_statement":
            header = [child for child in one.children if child.type == "function_parameter_declaration"]
            takes[word(one.children[1])] = sum(
                found.type == "script_parameter" for part in header for found in nodes(part)
            )
    calls = [one for one in every if one.type == "command" and word(one.child_by_field_name("command_name")) in takes]
    assert len(calls) > 40
    for call in calls:
        elements = call.child_by_field_name("command_elements")
        given = [one for one in elements.children if one.type != "command_argument_sep"] if elements else []
        name = word(call.child_by_field_name("command_name"))
        assert (name, len(given)) == (name, takes[name]), word(call)


def test_it_sets_what_the_reg_file_sets() -> None:
    """Keys, names and numbers of its table are those of the `.reg` file, in the same order."""
    rows = re.findall(r"@\{ Path = '([^']+)'; Name = '(\w+)'; Wanted = ([01]);", script.text(HOST))
    table = [(f"HKEY_LOCAL_MACHINE\\{path}", name, int(wanted)) for path, name, wanted in rows]
    assert table == [(key, name, wanted) for key, values in registry.tls12() for name, wanted in values]
    assert len(table) == 12


def test_its_limits_are_those_of_the_code() -> None:
    """Before 2010 SP3 RU9 and 2013 CU8 it refuses; from the floors of the guidance on it says nothing (KB3029667, KB3045301)."""
    told = script.text(HOST)
    assert "@{ From = '0.0'; Below = '14.3.235.1'; Title = 'Exchange 2010 SP3 RU9' }" in told
    assert "@{ From = '15.0'; Below = '15.0.1076.9'; Title = 'Exchange 2013 CU8' }" in told
    for below in ("14.3.382.0", "15.0.1365.1", "15.1.1415.2"):
        assert f"Below = '{below}'; Title = '{exchange.product_of(below)} {exchange.level_of(below)}'" in told


def test_it_knows_what_windows_does_by_itself() -> None:
    """Off on 2008 and 2008 R2, on from 2012, none before: "Protocols in TLS/SSL (Schannel SSP)"."""
    rows = re.findall(r"@\{ Number = '([0-9.]+)'; Tls12 = '(\w+)' \}", script.text(HOST))
    assert rows == [("5.2", "none"), ("6.0", "off"), ("6.1", "off"), ("6.2", "on"), ("6.3", "on"), ("10.0", "on")]


@pytest.mark.parametrize(
    "host",
    [None, "hq'ex10a", "a’; Remove-Item C:\\ -Recurse #", "a\nexit 0", "@@VALUES@@", "$(Get-Date)", "ex\u017eupa"],
    ids=["unknown", "quote", "command", "line", "place", "expression", "letter"],
)
def test_a_host_name_is_only_a_name(host: str | None) -> None:
    """Whatever a host is called, the script has the same statements: the name is one string without expansion."""
    made = script.text(host)
    lines = [line for line in made.split("\n") if line.startswith("$Server = ")]
    assert len(lines) == 1
    tree = PARSER.parse(made.encode())
    assert tree.root_node.has_error is False
    shapes = [one.type for one in nodes(tree.root_node)]
    assert shapes == [one.type for one in nodes(PARSER.parse(script.text(HOST).encode()).root_node)]


def test_bytes_are_what_every_powershell_reads() -> None:
    """UTF-8 with a byte order mark, CRLF alone: without the mark Windows PowerShell takes the machine's old code page."""
    name, content = script.file("ex\u017eupa.contoso.example")
    assert name == "tls12-ex-upa.contoso.example.ps1"
    assert content.startswith(codecs.BOM_UTF8)
    told = content.decode("utf-8-sig")
    assert "\r" not in told.replace("\r\n", "")
    assert "\n" not in told.replace("\r\n", "")
    assert "@@" not in told


def commands(text: str) -> list[str]:
    """Give the names of the commands that a script runs, in order."""
    every = nodes(PARSER.parse(text.encode()).root_node)
    return [word(one.child_by_field_name("command_name")) for one in every if one.type == "command"]


def test_it_never_restarts_and_never_removes_a_key() -> None:
    """No command of it restarts a machine or a service, or deletes anything but a value."""
    told = script.text(HOST)
    forbidden = {"restart-computer", "restart-service", "stop-service", "stop-computer", "shutdown.exe", "remove-item"}
    assert forbidden.isdisjoint(commands(told))
    members = {word(one) for one in nodes(PARSER.parse(told.encode()).root_node) if one.type == "member_name"}
    assert members.isdisjoint({"deletesubkey", "deletesubkeytree"})
    assert "deletevalue" in members


def body(name: str) -> str:
    """Give the text of one function of the script."""
    every = nodes(PARSER.parse(script.text(HOST).encode()).root_node)
    found = [one for one in every if one.type == "function_statement" and word(one.children[1]) == name.lower()]
    assert len(found) == 1
    return word(found[0])


def test_nothing_is_set_before_it_is_exported_and_written_down() -> None:
    """In the one function that sets values the export comes first, then the note, then the value."""
    told = body("Set-Values")
    assert (
        told.index("export-keys") < told.index("add-content") < told.index(".createsubkey(") < told.index(".setvalue(")
    )
    writers = [
        name for name in ("Read-Value", "Show-Values", "Show-Policy", "Export-Keys") if ".setvalue(" in body(name)
    ]
    assert writers == []


def test_a_failed_export_stops_it() -> None:
    """The exit code of reg.exe and the file are looked at, and a failure refuses the whole change."""
    told = body("Export-Keys")
    assert "$lastexitcode -ne 0" in told
    assert "stop-refused" in told


def test_writing_needs_a_switch() -> None:
    """Set-Values and Undo-Value are called only under -Apply and -Undo."""
    story = script.text(HOST).partition("# --- The story")[2]
    assert re.findall(r"^.*Set-Values.*$", story, flags=re.MULTILINE) == ["if ($Apply) { Set-Values }"]
    under = story.partition("if ($Undo) {")[2].partition("\n}")[0]
    assert story.count("Undo-Value") == under.count("Undo-Value") == 1


def test_a_server_that_can_be_changed_gets_it(incident: Callable[..., Incident], shelf: Shelf, hosts: Hosts) -> None:
    """It lies beside the `.reg` file and its undo, for the same hosts."""
    names = [name for name, _ in fill(incident(build="14.3.513.0"), shelf, hosts).files]
    assert names == [f"tls12-{HOST}.reg", f"tls12-{HOST}-undo.reg", f"tls12-{HOST}.ps1"]


@pytest.mark.parametrize(
    "changed",
    [
        {"build": "14.3.123.4"},
        {"build": "14.3.513.0", "confidence": "possible"},
        {"build": "14.3.513.0", "ours": False},
        {"build": "14.3.513.0", "category": "tls-certificate"},
        {"build": "14.3.513.0", "trust": "low"},
        {},
    ],
    ids=["below-the-limit", "only-possible", "not-ours", "other-fault", "forged", "unknown-build"],
)
def test_others_do_not_get_it(
    changed: dict[str, object], incident: Callable[..., Incident], shelf: Shelf, hosts: Hosts
) -> None:
    """Where the `.reg` file is withheld the script is withheld too."""
    assert fill(incident(**changed), shelf, hosts).files == ()
