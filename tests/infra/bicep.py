"""Works out what the Bicep files would deploy, as far as that is known before Azure answers.

There is no Bicep compiler without a network. pycep parses; this goes on from there and does what a compiler would notice:
a name that is declared nowhere, a parameter that a module does not have or was not given, an output that is not there,
a function or operator that is not known here. What only Azure knows (keys, principal ids, host names) comes out as text
in angle brackets.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pycep import BicepParser
from pycep.models import BicepElement

INFRA = Path(__file__).parents[2] / "infra"
INTERPOLATED = re.compile(r"\$\{([^{}]*)\}")


class Wrong(Exception):
    """The Bicep files contradict themselves; the text says where."""


@cache
def parsed(path: Path) -> dict[str, Any]:
    """Parse a file with pycep."""
    return dict(BicepParser().parse(text=path.read_text("utf-8")))


@cache
def expression(text: str) -> Any:
    """Parse one expression, as it stands inside a string."""
    return BicepParser().parse(text=f"var it = {text}\n")["variables"]["it"]["value"]


@dataclass
class Resource:
    """One resource as it would be deployed, or an existing one that a file refers to."""

    file: str
    symbol: str
    type: str
    api_version: str
    existing: bool
    name: str
    """With its parents' names before it: `account/default/inbox`."""
    body: dict[str, Any]
    scope: "Resource | None" = None

    @property
    def id(self) -> str:
        """Give what stands for the resource id."""
        return f"<{self.type} {self.name}>"

    def get(self, *path: str) -> Any:
        """Give a part of the body; None where there is none."""
        found: Any = self.body
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        return found


@dataclass
class Template:
    """One file with the parameters that it was given."""

    path: Path
    given: Mapping[str, Any]
    resources: list[Resource] = field(default_factory=list)
    modules: "list[Template]" = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    """The names that something else in the file refers to."""

    def __post_init__(self) -> None:
        self.text = parsed(self.path)
        self.known: dict[str, Any] = {}
        self.file = self.path.relative_to(INFRA).as_posix()
        declared = self.text.get("parameters", {})
        if extra := set(self.given) - set(declared):
            raise Wrong(f"{self.file} has no parameter {extra}")
        for name, one in declared.items():
            if name not in self.given and one["default"] is None:
                raise Wrong(f"{self.file} was not given {name}")
        self.parts: dict[str, Callable[[str], Any]] = {
            "parameters": lambda name: self.given.get(name, self.value(declared[name]["default"], {})),
            "variables": lambda name: self.value(self.text["variables"][name]["value"], {}),
            "resources": self._resource,
            "modules": self._module,
        }

    def deploy(self) -> "Template":
        """Work out everything that the file declares."""
        for part in self.parts:
            for name in self.text.get(part, {}):
                self.symbol(name)
        for name in self.text.get("outputs", {}):
            self.output(name)
        return self

    def symbol(self, name: str) -> Any:
        """Give what a declared name stands for."""
        if name not in self.known:
            for part, make in self.parts.items():
                if name in self.text.get(part, {}):
                    self.known[name] = make(name)
                    break
            else:
                raise Wrong(f"{self.file} declares no {name}")
        return self.known[name]

    def output(self, name: str) -> Any:
        """Give one output."""
        if name not in self.text.get("outputs", {}):
            raise Wrong(f"{self.file} has no output {name}")
        return self.value(self.text["outputs"][name]["value"], {})

    # ---- resources and modules

    def _resource(self, symbol: str) -> Any:
        one = self.text["resources"][symbol]
        made = [self._make(symbol, one, body, local) for body, local in self._instances(one["config"])]
        self.resources += made
        return made if "loop_type" in one["config"] else made[0] if made else None

    def _make(self, symbol: str, one: dict[str, Any], config: Any, local: dict[str, Any]) -> Resource:
        body = self.value(config, local)
        parent = body.pop("parent", None)
        name = f"{parent.name}/{body['name']}" if parent else body["name"]
        scope = body.pop("scope", None)
        return Resource(self.file, symbol, one["type"], one["api_version"], one["existing"], name, body, scope)

    def _module(self, symbol: str) -> "Template | None":
        one = self.text["modules"][symbol]
        if one["type"] != "local":
            raise Wrong(f"{self.file}: the module {symbol} comes from a registry")
        for config, local in self._instances(one["config"]):
            given = {name: self.value(value, local) for name, value in config.get("params", {}).items()}
            for name in [*config.get("dependsOn", []), *([config["scope"]] if "scope" in config else [])]:
                self._name(name, {})
            made = Template((self.path.parent / one["detail"]["path"]).resolve(), given).deploy()
            self.resources += made.resources
            self.modules.append(made)
            return made
        return None

    def _instances(self, config: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Give the bodies that a resource or module has: one, none where its condition fails, or one for each item."""
        if "loop_type" in config:
            yield from ((config["config"], local) for local in self._loop(config["loop_type"], {}))
        elif "condition" in config and "config" in config:
            if self.value(config["condition"], {}):
                yield config["config"], {}
        else:
            yield config, {}

    def _loop(self, loop: dict[str, Any], local: dict[str, Any]) -> Iterator[dict[str, Any]]:
        detail = loop["detail"]
        for index, item in enumerate(self.value(detail["array_name"], local)):  # an array's name, or an array
            yield {**local, detail["item_name"]: item, detail.get("index_name", "_"): index}

    # ---- values

    def value(self, said: Any, local: dict[str, Any]) -> Any:
        """Work out an expression; `local` holds the variables of the loops around it."""
        if isinstance(said, str):
            return self._name(said, local) if isinstance(said, BicepElement) else self._text(said, local)
        if isinstance(said, list):
            return [self.value(one, local) for one in said]
        return self._structure(said, local) if isinstance(said, dict) else said

    def _structure(self, said: dict[str, Any], local: dict[str, Any]) -> Any:
        """Work out a call, an operation, a loop or an object."""
        if said.keys() == {"function"}:
            return self._function(said["function"]["type"], said["function"].get("parameters", {}), local)
        if said.keys() == {"operator"}:
            return self._operator(said["operator"]["type"], said["operator"]["operands"], local)
        if "loop_type" in said:
            return [self.value(said["config"], inner) for inner in self._loop(said["loop_type"], local)]
        return {self._text(name.strip("'"), local): self.value(one, local) for name, one in said.items()}

    def _name(self, said: str, local: dict[str, Any]) -> Any:
        self.used.add(said)
        return local[said] if said in local else self.symbol(said)

    def _text(self, said: str, local: dict[str, Any]) -> str:
        return INTERPOLATED.sub(lambda found: str(self.value(expression(found.group(1)), local)), said)

    def _function(self, name: str, arguments: dict[str, Any], local: dict[str, Any]) -> Any:
        values = [self.value(one, local) for one in arguments.values() if one is not None]
        if name not in FUNCTIONS:
            raise Wrong(f"{self.file}: the function {name} is not known here")
        return FUNCTIONS[name](*values)

    def _operator(self, name: str, operands: dict[str, Any], local: dict[str, Any]) -> Any:
        if name == "conditional":
            chosen = "true_value" if self.value(operands["condition"], local) else "false_value"
            return self.value(operands[chosen], local)
        if name == "not":
            return not self.value(operands["bool_value"], local)
        if name == "minus":
            (operand,) = operands.values()
            return -self.value(operand, local)
        first = self.value(operands["operand_1"], local)
        if name == "add":
            return first + self.value(operands["operand_2"], local)
        if name == "index_accessor":
            return first[self.value(operands["operand_2"], local)]
        if name == "property_accessor":
            return self._property(first, operands["operand_2"])
        raise Wrong(f"{self.file}: the operator {name} is not known here")

    def _property(self, of: Any, path: Any) -> Any:
        """Follow `a.b.c`, which pycep gives as a.(b.c)."""
        while isinstance(path, dict):
            of = self._step(of, path["operator"]["operands"]["operand_1"])
            path = path["operator"]["operands"]["operand_2"]
        return self._step(of, path)

    def _step(self, of: Any, name: str) -> Any:
        if isinstance(of, Template):
            return of if name == "outputs" else of.output(name)
        if isinstance(of, Resource):
            if name in {"id", "name"}:
                return of.id if name == "id" else of.name.rpartition("/")[2]
            return f"<{of.name} {name}>"
        if isinstance(of, dict):
            if name not in of:
                raise Wrong(f"{self.file}: there is no {name} in {sorted(of)}")
            return of[name]
        if isinstance(of, str) and of.startswith("<"):
            return f"{of[:-1]}.{name}>"
        raise Wrong(f"{self.file}: {of!r} has no {name}")


def the(resources: list[Resource], kind: str, **where: str) -> list[Resource]:
    """Give the resources of a type that would be made, those with the given attributes."""
    made = (one for one in resources if not one.existing and one.type == kind)
    return [one for one in made if all(getattr(one, name) == value for name, value in where.items())]


def settings_of(resources: list[Resource]) -> dict[str, str]:
    """Give the application settings of the Functions app."""
    (app,) = the(resources, "Microsoft.Web/sites")
    rows = app.get("properties", "siteConfig", "appSettings")
    settings = {row["name"]: row["value"] for row in rows}
    assert len(settings) == len(rows), "a setting stands there twice"
    return settings


def _as_string(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


CLOUD = {
    "name": "AzureCloud",
    "suffixes": {"storage": "core.windows.net", "keyvaultDns": ".vault.azure.net"},
    "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "concat": lambda *lists: [one for part in lists for one in part],
    "contains": lambda container, item: item in container,
    "empty": lambda value: not value,
    "environment": lambda: CLOUD,
    "guid": lambda *parts: "<guid " + " ".join(parts) + ">",
    "join": lambda parts, between: between.join(parts),
    "replace": lambda text, old, new: text.replace(old, new),
    "skip": lambda parts, count: parts[count:],
    "split": lambda text, delimiter: text.split(delimiter),
    "string": _as_string,
    "subscription": lambda: {"id": "<subscription>", "tenantId": "<tenant>"},
    "subscription_resource_id": lambda kind, name: f"{kind}/{name}",
    "to_lower": str.lower,
    "to_upper": str.upper,
    "union": lambda *parts: {name: value for part in parts for name, value in part.items()},
    "unique_string": lambda *_: "abcdefghijklm",  # thirteen characters, as the function gives
}


def deployed(**parameters: Any) -> Template:
    """Work out the whole deployment; what is not given has its default."""
    return Template(
        INFRA / "main.bicep", {"environmentName": "triage-test", "location": "westeurope", **parameters}
    ).deploy()


EVERYTHING: dict[str, Any] = {
    "mailboxAddress": "bounces@contoso.example",
    "ourDomains": "contoso.example,corp.example",
    "authservId": "mail.contoso.example",
    "alertEmail": "mail-team@contoso.example",
    "sinks": "teams,webhook,servicenow,jira,azure_devops,github,mail",
    "sinkSettings": "SERVICENOW__URL=https://contoso.service-now.com;SERVICENOW__USER=triage;"
    "JIRA__URL=https://contoso.atlassian.net;JIRA__USER=triage@contoso.example;JIRA__PROJECT=MAIL;"
    "AZURE_DEVOPS__URL=https://dev.azure.com/contoso;AZURE_DEVOPS__PROJECT=Mail flow;"
    "GITHUB__REPOSITORY=contoso/mail;MAIL__HOST=smtp.contoso.example;MAIL__USER=triage@contoso.example",
    "mailRecipients": "ops@contoso.example,mail@contoso.example",
    "noticeSender": "triage@contoso.example",
    "webhookHosts": "hooks.contoso.example",
    "vnetEnabled": True,
    "operatorAddresses": "198.51.100.7,203.0.113.0/24",
    "httpAddresses": "198.51.100.0/24",
    "entraClientId": "11111111-1111-1111-1111-111111111111",
    "operatorsGroupId": "22222222-2222-2222-2222-222222222222",
    "principalId": "33333333-3333-3333-3333-333333333333",
}
"""Each switch on."""
