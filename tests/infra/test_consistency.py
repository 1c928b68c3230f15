"""The app, its host file, the Bicep files and the pages say the same.

The app's side is what the worker indexes, so these tests hold whichever functions there are.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.infra.bicep import INFRA, Resource, parsed, settings_of, the
from tests.infra.conftest import Function
from triage.collect.given_up import tell_given_up
from triage.settings import listed_settings, load_settings

ROOT = INFRA.parent
HOST = json.loads((ROOT / "host.json").read_text("utf-8"))
POISON = "-poison"
"""What the host puts after a queue's name."""

STORAGE = "Microsoft.Storage/storageAccounts"
IDENTITY = {"credential", "clientId"}
SERVICE = {
    "queueTrigger": "queueServiceUri",
    "queue": "queueServiceUri",
    "blobTrigger": "blobServiceUri",
    "blob": "blobServiceUri",
}
ROLES = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "19e7f393-937e-4f77-808e-94535e297925": "Storage Queue Data Reader",
    "8a0f0c08-91a1-4084-bc3d-661d67233fed": "Storage Queue Data Message Processor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
}
"""Azure's built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles, read 2026-11-24."""


Functions = dict[str, Function]


def every_binding(functions: Functions) -> list[dict[str, Any]]:
    """The bindings of all functions."""
    return [one for found in functions.values() for one in found.bindings]


def read_queues(functions: Functions) -> set[str]:
    """The queues that a function reads."""
    return {one["queueName"] for one in every_binding(functions) if one["type"] == "queueTrigger"}


def data_account(resources: list[Resource]) -> str:
    """The account that the connection of the bindings leads to."""
    return settings_of(resources)["TriageStorage__queueServiceUri"].strip("<>").split()[0]


def names(resources: list[Resource], kind: str) -> set[str]:
    """The containers or queues of the data account."""
    account = data_account(resources)
    return {one.name.rpartition("/")[2] for one in the(resources, kind) if one.name.startswith(f"{account}/")}


def queues(resources: list[Resource]) -> set[str]:
    """The queues that are made."""
    return names(resources, f"{STORAGE}/queueServices/queues")


def containers(resources: list[Resource]) -> set[str]:
    """The containers that are made."""
    return names(resources, f"{STORAGE}/blobServices/containers")


# ---- bindings


@pytest.mark.needs_functions
def test_every_queue_and_its_poison_queue_are_made(functions: Functions, resources: list[Resource]) -> None:
    """Each queue of a binding exists; for each that is read, the one that given-up messages go to, and no other does."""
    read = read_queues(functions)
    written = {one["queueName"] for one in every_binding(functions) if one["type"] == "queue"}
    assert read
    assert queues(resources) == read | written | {f"{queue}{POISON}" for queue in read}


@pytest.mark.needs_functions
def test_every_container_of_a_binding_is_made(functions: Functions, resources: list[Resource]) -> None:
    """The first part of each blob path is a container of the data account."""
    paths = [str(one["path"]) for one in every_binding(functions) if "path" in one]
    assert {path.partition("/")[0] for path in paths} <= containers(resources)


@pytest.mark.needs_functions
def test_every_connection_is_set_up_with_the_identity(functions: Functions, resources: list[Resource]) -> None:
    """Each connection has the address of the service that the binding needs, and the identity to go there with."""
    settings = settings_of(resources)
    (identity,) = the(resources, "Microsoft.ManagedIdentity/userAssignedIdentities")
    used = {(str(one["connection"]), str(one["type"])) for one in every_binding(functions) if one.get("connection")}
    assert used
    for connection, kind in used:
        assert f"{connection}__{SERVICE[kind]}" in settings, kind
        assert {name for name in IDENTITY if f"{connection}__{name}" in settings} == IDENTITY
        assert settings[f"{connection}__credential"] == "managedidentity"
        assert settings[f"{connection}__clientId"].startswith(f"<{identity.name} ")


@pytest.mark.needs_functions
def test_every_setting_of_a_binding_is_given(functions: Functions, plain: list[Resource]) -> None:
    """Each %Setting% that a binding names is an application setting, whatever the parameters; schedules are well formed."""
    settings = settings_of(plain)
    wanted = set(re.findall(r"%([^%]+)%", json.dumps(every_binding(functions))))
    assert wanted - set(settings) == set()
    schedules = {str(one["schedule"]).strip("%") for one in every_binding(functions) if "schedule" in one}
    assert {name for name in settings if name.endswith("Cron")} == schedules
    for name in schedules:
        assert is_schedule(settings[name]), name


BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
"""NCRONTAB as Functions reads it: second, minute, hour, day, month, day of the week."""


def is_schedule(text: str) -> bool:
    """Whether the host would take it: six fields of *, a number, a range or a list, each with or without a step."""
    fields = text.split()
    return len(fields) == len(BOUNDS) and all(
        re.fullmatch(r"(\*|\d+(-\d+)?)(/[1-9]\d*)?", part) is not None
        and all(low <= int(number) <= high for number in re.findall(r"\d+", part.partition("/")[0]))
        for field, (low, high) in zip(fields, BOUNDS, strict=True)
        for part in field.split(",")
    )


def test_schedule_check_refuses_what_the_host_refuses() -> None:
    """Five fields, a minute 60 and a step of nought are no schedules."""
    assert is_schedule("0 */5 * * * *")
    assert not any(is_schedule(text) for text in ("*/5 * * * *", "0 60 * * * *", "0 */0 * * * *", "@daily"))


@pytest.mark.needs_functions
def test_no_queue_or_blob_trigger_has_a_retry_policy(functions: Functions) -> None:
    """The host ignores a retry policy on them without a word: their retries stand in host.json."""
    ignored = {name: one.retry for name, one in functions.items() if one.trigger("queueTrigger", "blobTrigger")}
    assert ignored
    assert {name: policy for name, policy in ignored.items() if policy is not None} == {}


# ---- host.json and Event Grid


def test_queue_messages_are_read_as_event_grid_writes_them() -> None:
    """Event Grid puts its events into a queue in Base64; a message that fails is tried again later, not at once."""
    read = HOST["extensions"]["queues"]
    assert read["messageEncoding"] == "base64"
    assert read["maxDequeueCount"] > 1
    assert read["visibilityTimeout"] > "00:00:00"


@pytest.mark.needs_functions
def test_events_of_the_inbox_reach_a_function(functions: Functions, resources: list[Resource]) -> None:
    """New blobs of a container that is made go to a queue that a function reads; what cannot be delivered is kept."""
    (subscription,) = the(resources, "Microsoft.EventGrid/systemTopics/eventSubscriptions")
    delivery = subscription.get("properties", "deliveryWithResourceIdentity")
    destination = delivery["destination"]
    read = read_queues(functions)
    assert destination["endpointType"] == "StorageQueue"
    assert destination["properties"]["queueName"] in read
    assert destination["properties"]["queueMessageTimeToLiveInSeconds"] == -1
    filtered = subscription.get("properties", "filter")
    assert filtered["includedEventTypes"] == ["Microsoft.Storage.BlobCreated"]
    watched = re.fullmatch(r"/blobServices/default/containers/(.+)/", filtered["subjectBeginsWith"])
    assert watched is not None
    assert watched[1] in containers(resources)
    dead = subscription.get("properties", "deadLetterWithResourceIdentity")
    assert dead["deadLetterDestination"]["properties"]["blobContainerName"] in containers(resources)
    (account,) = (one for one in the(resources, STORAGE) if one.name == data_account(resources))
    for part in (destination, dead["deadLetterDestination"]):
        assert part["properties"]["resourceId"] == account.id
    assert subscription.get("properties", "retryPolicy") == {
        "maxDeliveryAttempts": 30,
        "eventTimeToLiveInMinutes": 1440,
    }


def test_event_grid_goes_by_an_identity_of_its_own(resources: list[Resource]) -> None:
    """The topic's identity is system-assigned, the only kind that passes a storage firewall, and both ways use it."""
    (topic,) = the(resources, "Microsoft.EventGrid/systemTopics")
    assert topic.get("identity") == {"type": "SystemAssigned"}
    (subscription,) = the(resources, "Microsoft.EventGrid/systemTopics/eventSubscriptions")
    for part in ("deliveryWithResourceIdentity", "deadLetterWithResourceIdentity"):
        assert subscription.get("properties", part, "identity") == {"type": "SystemAssigned"}
    assert subscription.get("properties", "destination") is None


# ---- permissions


def who(principal: str) -> str:
    """The page's word for a principal."""
    named = {"2222": "operators", "3333": "deployer", "<id-": "app", "<evg": "Event Grid"}
    return named[principal[:4]]


def where(scope: Resource, resources: list[Resource]) -> str:
    """The page's words for the thing that a role is given on."""
    last = scope.name.rpartition("/")[2]
    accounts = {data_account(resources): "account `data`"}
    return {
        STORAGE: accounts.get(last, "account `host`"),
        f"{STORAGE}/blobServices/containers": f"container `{last}`",
        f"{STORAGE}/queueServices/queues": f"queue `{last}`",
        "Microsoft.KeyVault/vaults": "vault",
        "Microsoft.Insights/components": "Application Insights",
    }[scope.type]


def assignments(resources: list[Resource]) -> list[tuple[str, str, str]]:
    """Who, which role, on what: one for each role assignment."""
    rows = []
    for one in the(resources, "Microsoft.Authorization/roleAssignments"):
        assert one.scope is not None, f"{one.symbol} is given on the whole resource group"
        role = one.get("properties", "roleDefinitionId").rpartition("/")[2]
        rows.append((who(one.get("properties", "principalId")), ROLES[role], where(one.scope, resources)))
    return rows


def test_every_permission_has_its_reason(resources: list[Resource]) -> None:
    """The table in docs/security.md is the list of role assignments, each with a reason."""
    page = (ROOT / "docs/security.md").read_text("utf-8").partition("## Permissions")[2].partition("\n## ")[0]
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in page.splitlines()
        if line.startswith("| ")
    ]
    told = [row for row in rows if row[0] in {"app", "Event Grid", "deployer", "operators"}]
    assert sorted(row[:3] for row in told) == sorted(assignments(resources))
    assert [row for row in told if len(row[3].split()) < 4] == []


def test_without_names_only_app_and_event_grid_may_anything(plain: list[Resource]) -> None:
    """Nobody gets a role whose object id was not given."""
    assert {row[0] for row in assignments(plain)} == {"app", "Event Grid"}


@pytest.mark.needs_functions
def test_identity_may_what_its_triggers_need(functions: Functions, plain: list[Resource]) -> None:
    """For each queue that is read: see it, take from it, and put given-up messages aside."""
    granted = {row[1:] for row in assignments(plain) if row[0] == "app"}
    for queue in read_queues(functions):
        assert {
            ("Storage Queue Data Reader", f"queue `{queue}`"),
            ("Storage Queue Data Message Processor", f"queue `{queue}`"),
            ("Storage Queue Data Message Sender", f"queue `{queue}{POISON}`"),
        } <= granted


# ---- settings


def test_every_setting_of_ours_is_one(resources: list[Resource]) -> None:
    """Each TRIAGE_ setting of the deployment stands in the table of settings."""
    table = {one.environment: one for one in listed_settings()}
    groups = {name.partition("__")[0] for name in table if "__" in name}
    ours = {name for name in settings_of(resources) if name.startswith("TRIAGE_")}
    # A whole group that is not in the table yet belongs to a part that is not in this tree yet.
    unknown = {name for name in ours - set(table) if "__" not in name or name.partition("__")[0] in groups}
    assert unknown == set()
    assert {"TRIAGE_OURS__DOMAINS", "TRIAGE_AUTHSERV_ID"} <= ours


def test_settings_are_taken_as_the_deployment_gives_them(
    resources: list[Resource], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The values that the deployment sets are read without complaint, and mean what the parameters said."""
    known = {one.environment for one in listed_settings()}
    for name in [name for name in os.environ if name.startswith("TRIAGE_")]:
        monkeypatch.delenv(name)
    for name, value in settings_of(resources).items():
        if name in known and not value.startswith("@Microsoft.KeyVault("):
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.ours.domains == ("contoso.example", "corp.example")
    assert settings.authserv_id == "mail.contoso.example"


def test_what_is_not_said_is_left_to_the_apps_defaults(plain: list[Resource]) -> None:
    """An empty parameter sets nothing: an empty authserv-id would be trusted, an empty mailbox polled."""
    settings = settings_of(plain)
    assert not {"TRIAGE_AUTHSERV_ID", "TRIAGE_MAILBOX__ADDRESS"} & set(settings)
    assert [name for name, value in settings.items() if value == ""] == []


# ---- alerts


@pytest.mark.needs_functions
def test_alerts_watch_functions_that_there_are(functions: Functions, resources: list[Resource]) -> None:
    """Each function that has to succeed every half hour is a timer of the app."""
    queries = [query(rule) for rule in the(resources, "Microsoft.Insights/scheduledQueryRules")]
    watched = {name for text in queries for name in re.findall(r'where name == "(\w+)"', text)}
    timers = {name for name, one in functions.items() if one.trigger("timerTrigger")}
    assert watched
    assert watched <= timers


def query(rule: Resource) -> str:
    """The query of a rule."""
    (criterion,) = rule.get("properties", "criteria", "allOf")
    return str(criterion["query"])


def test_poison_alert_understands_the_line_that_the_app_writes(resources: list[Resource]) -> None:
    """Queue and count are found in the line, as JSON and as key=value alike."""
    (rule,) = the(resources, "Microsoft.Insights/scheduledQueryRules", name="triage-poison-waits")
    text = query(rule)
    patterns = [found.replace("\\\\", "\\") for found in re.findall(r"extract\('([^']+)'", text)]
    (marker,) = re.findall(r'contains "(poison_\w+)"', text)
    with capture_logs() as events:
        tell_given_up(lambda queue: 3 if queue.startswith("inputs") else 0)
    lines = [json.dumps(event) for event in events]
    lines += [" ".join(f"{name}={value!r}" for name, value in event.items()) for event in events]
    found = [
        tuple(part for pattern in patterns for part in re.findall(pattern, line)) for line in lines if marker in line
    ]
    assert sorted(found) == 2 * [("0", "notices-poison")] + 2 * [("3", "inputs-poison")]


def test_every_alert_reaches_the_action_group(resources: list[Resource]) -> None:
    """Each rule is on, tells the group, and its name stands in the page that says what to do."""
    (group,) = the(resources, "Microsoft.Insights/actionGroups")
    page = (ROOT / "docs/deploy.md").read_text("utf-8").partition("## When an alert comes")[2].partition("\n## ")[0]
    rules = the(resources, "Microsoft.Insights/scheduledQueryRules") + the(resources, "Microsoft.Insights/metricAlerts")
    assert len(rules) >= 4
    for rule in rules:
        assert rule.get("properties", "enabled") is True
        assert group.id in json.dumps(rule.get("properties", "actions"))
        assert f"`{rule.name}`" in page, rule.name
    assert [one["emailAddress"] for one in group.get("properties", "emailReceivers")] == ["mail-team@contoso.example"]


# ---- azd


def test_parameters_file_gives_every_parameter() -> None:
    """main.parameters.json names each parameter of main.bicep and no other; the page tells variable and default."""
    given = json.loads((INFRA / "main.parameters.json").read_text("utf-8"))["parameters"]
    assert set(given) == set(parsed(INFRA / "main.bicep")["parameters"])
    page = (ROOT / "docs/deploy.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `(BOUNCE_[A-Z_]+)` \| (\S+) \|", page, flags=re.MULTILINE))
    ours = [re.fullmatch(r"\$\{(BOUNCE_[A-Z_]+)(?:=(.+))?\}", one["value"]) for one in given.values()]
    assert told == {found[1]: f"`{found[2]}`" if found[2] else "none" for found in ours if found}


def test_azd_finds_the_app_and_its_hooks(resources: list[Resource]) -> None:
    """The service of azure.yaml is the tag of the app, and the scripts of its hooks are there."""
    text = (ROOT / "azure.yaml").read_text("utf-8")
    (app,) = the(resources, "Microsoft.Web/sites")
    (service,) = re.findall(
        r"^services:\n  (\w+):\n    project: \.\n    language: python\n    host: function$", text, re.MULTILINE
    )
    assert app.get("tags", "azd-service-name") == service
    (group,) = the(resources, "Microsoft.Resources/resourceGroups")
    assert group.get("tags", "azd-env-name") == "triage-test"
    hooks = re.findall(r"^      run: (\S+)$", text, re.MULTILINE)
    assert hooks
    assert [name for name in hooks if not (ROOT / name).is_file()] == []
