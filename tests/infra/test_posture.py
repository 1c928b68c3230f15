"""What the deployment promises for its safety, read from the resources that it would make."""

import os
import re

import pytest

from tests.infra.bicep import EVERYTHING, Resource, deployed, settings_of, the
from triage.notify import SINKS, open_sinks
from triage.settings import listed_settings, load_settings


def test_storage_has_no_usable_keys(resources: list[Resource]) -> None:
    """Both accounts refuse account keys, anonymous reads, other tenants' copies and TLS below 1.2."""
    accounts = the(resources, "Microsoft.Storage/storageAccounts")
    assert len(accounts) == 2
    for one in accounts:
        properties = one.get("properties")
        for name in ("allowSharedKeyAccess", "allowBlobPublicAccess", "allowCrossTenantReplication"):
            assert properties[name] is False, name
        assert properties["defaultToOAuthAuthentication"] is True
        assert properties["supportsHttpsTrafficOnly"] is True
        assert properties["minimumTlsVersion"] == "TLS1_2"
    assert {one.get("properties", "publicAccess") for one in the(resources, CONTAINER)} == {"None"}


CONTAINER = "Microsoft.Storage/storageAccounts/blobServices/containers"


@pytest.mark.parametrize(("vnet", "default"), [(True, "Deny"), (False, "Allow")])
def test_firewall_stands_with_a_network(vnet: bool, default: str) -> None:
    """With a network of its own, storage and vault let in private endpoints, trusted services and named addresses."""
    made = deployed(vnetEnabled=vnet, operatorAddresses="198.51.100.7").resources
    guarded = the(made, "Microsoft.Storage/storageAccounts") + the(made, "Microsoft.KeyVault/vaults")
    assert {one.get("properties", "networkAcls", "defaultAction") for one in guarded} == {default}
    assert {one.get("properties", "networkAcls", "bypass") for one in guarded} == {"AzureServices"}
    for one in guarded:
        assert [rule["value"] for rule in one.get("properties", "networkAcls", "ipRules")] == ["198.51.100.7"]
    (app,) = the(made, "Microsoft.Web/sites")
    assert bool(app.get("properties", "virtualNetworkSubnetId")) is vnet


def test_every_guarded_service_has_a_private_endpoint(resources: list[Resource]) -> None:
    """Past the firewall the app reaches each service that a setting names, and the vault."""
    groups = set()
    for one in the(resources, "Microsoft.Network/privateEndpoints"):
        (connection,) = one.get("properties", "privateLinkServiceConnections")
        target = connection["properties"]["privateLinkServiceId"].strip("<>").split()[1]
        groups |= {(target, group) for group in connection["properties"]["groupIds"]}
    uris = [value for name, value in settings_of(resources).items() if name.endswith("ServiceUri")]
    wanted = {(uri.strip("<>").split()[0], uri.strip("<>").rpartition(".")[2]) for uri in uris}
    (vault,) = the(resources, "Microsoft.KeyVault/vaults")
    assert groups == wanted | {(vault.name, "vault")}


def test_vault_goes_by_roles_and_keeps_what_is_deleted(resources: list[Resource]) -> None:
    """The vault has no access policies, and nobody can purge it."""
    (vault,) = the(resources, "Microsoft.KeyVault/vaults")
    properties = vault.get("properties")
    assert properties["enableRbacAuthorization"] is True
    assert properties["enablePurgeProtection"] is True
    assert "accessPolicies" not in properties


def test_telemetry_is_taken_with_a_token_alone(resources: list[Resource]) -> None:
    """Application Insights takes nothing by instrumentation key, and the app signs in with its identity."""
    (component,) = the(resources, "Microsoft.Insights/components")
    assert component.get("properties", "DisableLocalAuth") is True
    settings = settings_of(resources)
    client = settings["TriageStorage__clientId"]
    assert settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"] == f"ClientId={client};Authorization=AAD"


def test_app_is_flex_on_python_3_13(resources: list[Resource]) -> None:
    """The plan is Flex Consumption, the runtime Python 3.13, and its package is fetched by the identity."""
    (plan,) = the(resources, "Microsoft.Web/serverfarms")
    assert plan.get("sku") == {"name": "FC1", "tier": "FlexConsumption"}
    (app,) = the(resources, "Microsoft.Web/sites")
    config = app.get("properties", "functionAppConfig")
    assert config["runtime"] == {"name": "python", "version": "3.13"}
    assert config["scaleAndConcurrency"] == {"instanceMemoryMB": 2048, "maximumInstanceCount": 40}
    (identity,) = the(resources, "Microsoft.ManagedIdentity/userAssignedIdentities")
    assert list(app.get("identity", "userAssignedIdentities")) == [identity.id]
    storage = config["deployment"]["storage"]
    assert storage["authentication"] == {
        "type": "UserAssignedIdentity",
        "userAssignedIdentityResourceId": identity.id,
    }
    assert storage["value"].endswith(">deployment")
    assert app.get("properties", "keyVaultReferenceIdentity") == identity.id


def test_app_takes_no_password_and_no_clear_text(resources: list[Resource]) -> None:
    """Deployments sign in with Entra; HTTP and FTP without TLS, and TLS below 1.2, are off."""
    policies = the(resources, "Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    assert {one.name.rpartition("/")[2]: one.get("properties", "allow") for one in policies} == {
        "scm": False,
        "ftp": False,
    }
    (app,) = the(resources, "Microsoft.Web/sites")
    assert app.get("properties", "httpsOnly") is True
    site = app.get("properties", "siteConfig")
    assert (site["minTlsVersion"], site["scmMinTlsVersion"], site["ftpsState"]) == ("1.2", "1.2", "Disabled")


def test_nobody_calls_the_http_functions_unless_named(plain: list[Resource], resources: list[Resource]) -> None:
    """The HTTP functions are closed to all addresses but those that the parameter names."""
    (closed,) = the(plain, "Microsoft.Web/sites")
    assert closed.get("properties", "siteConfig", "ipSecurityRestrictions") == []
    (opened,) = the(resources, "Microsoft.Web/sites")
    rules = opened.get("properties", "siteConfig", "ipSecurityRestrictions")
    assert [(rule["action"], rule["ipAddress"]) for rule in rules] == [("Allow", "198.51.100.0/24")]
    for app in (closed, opened):
        assert app.get("properties", "siteConfig", "ipSecurityRestrictionsDefaultAction") == "Deny"


def test_secrets_are_references_and_only_for_sinks_that_are_on(
    plain: list[Resource], resources: list[Resource]
) -> None:
    """Each secret setting is a reference into the vault; a sink that is off has no setting, so no reference dangles."""
    on = settings_of(resources)
    secret = {one.environment for one in listed_settings() if "SecretStr" in one.kind}
    given = sorted(secret & set(on))
    assert given == [
        "TRIAGE_NOTICES__KEY",
        "TRIAGE_SINKS__GITHUB__TOKEN",
        "TRIAGE_SINKS__JIRA__TOKEN",
        "TRIAGE_SINKS__MAIL__PASSWORD",
        "TRIAGE_SINKS__SERVICENOW__PASSWORD",
        "TRIAGE_SINKS__TEAMS__URL",
        "TRIAGE_SINKS__WEBHOOK__SECRET",
        "TRIAGE_SINKS__WEBHOOK__URL",
    ]
    for name in given:
        assert on[name].startswith("@Microsoft.KeyVault(SecretUri=<"), name
    assert [name for name in settings_of(plain) if name.startswith(("TRIAGE_SINKS__", "TRIAGE_NOTICES__"))] == []


WITHOUT_USERS = deployed(
    **{
        **EVERYTHING,
        "sinkSettings": re.sub(r"(SERVICENOW|MAIL)__USER=[^;]*;?", "", EVERYTHING["sinkSettings"]).strip(";"),
    }
).resources
"""Each switch on, where ServiceNow is shown a key and the mail relay nothing."""


@pytest.mark.parametrize(
    ("pairs", "servicenow", "mail"),
    [
        ("SERVICENOW__USER=triage;MAIL__USER=triage", "password", ["password"]),
        ("SERVICENOW__URL=https://contoso.service-now.com;MAIL__HOST=relay.contoso.example", "api-key", []),
        ("servicenow__user=triage;mail__user=triage", "password", ["password"]),
        ('JIRA__USER=triage;SERVICENOW__FIELDS=["SERVICENOW__USER=x"]', "api-key", []),
        ("", "api-key", []),
    ],
    ids=["users", "none", "in small letters", "of others", "nothing said"],
)
def test_a_reference_stands_only_where_its_secret_has_to_be(pairs: str, servicenow: str, mail: list[str]) -> None:
    """ServiceNow's password is referred to where a user is given, its key where none is; mail's where somebody logs in."""
    settings = settings_of(deployed(sinks="servicenow,mail", sinkSettings=pairs).resources)
    referred = {name: re.findall(r"secrets/([\w-]+)\)", value) for name, value in settings.items()}
    secrets = sorted(secret for found in referred.values() for secret in found)
    expected = [f"sinks-servicenow-{servicenow}", "notices-key", *(f"sinks-mail-{one}" for one in mail)]
    assert secrets == sorted(expected)
    name = {"password": "PASSWORD", "api-key": "API_KEY"}[servicenow]
    assert referred[f"TRIAGE_SINKS__SERVICENOW__{name}"] == [f"sinks-servicenow-{servicenow}"]


@pytest.mark.parametrize("has_users", [True, False], ids=["users", "no users"])
def test_every_sink_that_is_on_can_be_opened(
    has_users: bool, resources: list[Resource], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all sinks on, the settings of the deployment, and secrets where the references stand, open each of them."""
    resources = resources if has_users else WITHOUT_USERS
    for name in [name for name in os.environ if name.startswith("TRIAGE_")]:
        monkeypatch.delenv(name)
    known = {one.environment for one in listed_settings()}
    signing = "whsec_c2lnbmluZy1rZXktZm9yLXRlc3RzLW9ubHktMzJieXQ="
    addresses = {
        "TRIAGE_SINKS__TEAMS__URL": "https://prod-1.westeurope.logic.azure.com/workflows/x",
        "TRIAGE_SINKS__WEBHOOK__URL": "https://hooks.contoso.example/in",
        "TRIAGE_SINKS__WEBHOOK__SECRET": signing,
    }
    for name, value in settings_of(resources).items():
        if name in known:
            monkeypatch.setenv(name, addresses.get(name, "resolved") if value.startswith("@Microsoft") else value)
    settings = load_settings()
    assert set(open_sinks(settings.sinks)) == set(SINKS)
    assert settings.sinks.mail.to == ("ops@contoso.example", "mail@contoso.example")
    assert (settings.sinks.mail.user is None) is not has_users


def test_raw_mail_has_an_end(resources: list[Resource]) -> None:
    """Storage deletes raw mail a week after the app should have, and dead letters after 30 days; nothing else."""
    (policy,) = the(resources, "Microsoft.Storage/storageAccounts/managementPolicies")
    ends = {}
    for rule in policy.get("properties", "policy", "rules"):
        (prefix,) = rule["definition"]["filters"]["prefixMatch"]
        ends[prefix] = rule["definition"]["actions"]["baseBlob"]["delete"]["daysAfterCreationGreaterThan"]
        assert rule["enabled"] is True
    app_days = int(settings_of(resources)["TRIAGE_RETENTION__RAW_DAYS"])
    assert ends == {"inbox/": app_days + 7, "dead-letters/": 30}
