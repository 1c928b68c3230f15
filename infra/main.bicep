// Everything that Bounce Triage needs in Azure: plain resources in local modules, none from a registry.
// docs/deploy.md tells what each parameter does, docs/security.md why each permission is there.

targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of the azd environment; it names the resource group.')
param environmentName string

@minLength(1)
@description('Region. Flex Consumption has to be offered there.')
param location string

@description('The mailbox that bounces come into. Empty: nothing is polled, and files in `inbox` are the only intake.')
param mailboxAddress string = ''

@description('Our mail domains, separated by commas without spaces.')
param ourDomains string = ''

@description('The authserv-id of our own mail server, whose Authentication-Results count.')
param authservId string = ''

@description('Who gets the alerts. Empty: they are shown in the portal alone.')
param alertEmail string = ''

@description('Sinks that are on, separated by commas: teams, webhook, servicenow, jira, azure_devops, github, mail. Their secrets have to be in the vault first.')
param sinks string = ''

@description('Settings of sinks that are no secrets, separated by semicolons, as `JIRA__URL=https://contoso.atlassian.net;JIRA__PROJECT=MAIL`. Without SERVICENOW__USER there an API key is used; without MAIL__USER nobody logs in to send mail.')
param sinkSettings string = ''

@description('Who gets notices by mail, separated by commas.')
param mailRecipients string = ''

@description('The address that notices by mail come from; a bounce of one of them opens no incident.')
param noticeSender string = ''

@description('Hosts that the webhook\'s address may name, separated by commas.')
param webhookHosts string = ''

@description('True: a network of its own, private endpoints, and a firewall on storage and vault.')
param vnetEnabled bool = false

@description('Addresses or CIDR ranges of operators that may pass that firewall, separated by commas.')
param operatorAddresses string = ''

@description('Addresses or CIDR ranges that may call the HTTP functions, separated by commas. Empty: nobody may.')
param httpAddresses string = ''

@description('Client id of an Entra app registration; given, HTTP callers need its token besides the function key.')
param entraClientId string = ''

@minValue(1)
@maxValue(365)
@description('Days after which the app deletes raw mail.')
param rawRetentionDays int = 90

@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
@description('Redundancy of the account that holds mail and incidents.')
param dataRedundancy string = 'Standard_ZRS'

@minValue(1)
@description('Gigabytes of logs a day, past which logging stops until the next day.')
param logDailyCapGb int = 1

@description('Object id of the Entra group that operates. Empty: nobody.')
param operatorsGroupId string = ''

@description('Object id of whoever deploys, as azd gives it: may write secrets into the vault.')
param principalId string = ''

// The app deletes raw mail after `rawRetentionDays`; storage does so this many days later, should the app be stopped.
var safetyNetDays = 7

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = {
  'azd-env-name': environmentName
}

var hostAccountName = 'sthost${token}'
var dataAccountName = 'stdata${token}'
var vaultName = 'kv-${token}'
var componentName = 'appi-${token}'
var operatorRanges = empty(operatorAddresses) ? [] : split(operatorAddresses, ',')
var httpRanges = empty(httpAddresses) ? [] : split(httpAddresses, ',')
var domains = empty(ourDomains) ? [] : split(ourDomains, ',')
var webhookHostNames = empty(webhookHosts) ? [] : split(webhookHosts, ',')
var sinkPairs = empty(sinkSettings) ? [] : split(sinkSettings, ';')
var recipients = empty(mailRecipients) ? [] : split(mailRecipients, ',')
var sinkNames = empty(sinks) ? [] : split(sinks, ',')

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  name: 'identity'
  params: {
    location: location
    tags: tags
    name: 'id-${token}'
  }
}

module monitor 'modules/monitor.bicep' = {
  scope: group
  name: 'monitor'
  params: {
    location: location
    tags: tags
    workspaceName: 'log-${token}'
    componentName: componentName
    actionGroupName: 'ag-${token}'
    alertEmail: alertEmail
    logDailyCapGb: logDailyCapGb
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  name: 'storage'
  params: {
    location: location
    tags: tags
    hostAccountName: hostAccountName
    dataAccountName: dataAccountName
    dataRedundancy: dataRedundancy
    vnetEnabled: vnetEnabled
    operatorAddresses: operatorRanges
    rawMailDays: rawRetentionDays + safetyNetDays
    workspaceId: monitor.outputs.workspaceId
  }
}

module vault 'modules/vault.bicep' = {
  scope: group
  name: 'vault'
  params: {
    location: location
    tags: tags
    name: vaultName
    vnetEnabled: vnetEnabled
    operatorAddresses: operatorRanges
    workspaceId: monitor.outputs.workspaceId
  }
}

module network 'modules/network.bicep' = if (vnetEnabled) {
  scope: group
  name: 'network'
  params: {
    location: location
    tags: tags
    name: 'vnet-${token}'
    hostAccountId: storage.outputs.hostId
    dataAccountId: storage.outputs.dataId
    vaultId: vault.outputs.id
  }
}

module roles 'modules/roles.bicep' = {
  scope: group
  name: 'roles'
  params: {
    hostAccountName: hostAccountName
    dataAccountName: dataAccountName
    vaultName: vaultName
    componentName: componentName
    appPrincipalId: identity.outputs.principalId
    deployerPrincipalId: principalId
    operatorsGroupId: operatorsGroupId
  }
  dependsOn: [
    storage
    vault
    monitor
  ]
}

module events 'modules/events.bicep' = {
  scope: group
  name: 'events'
  params: {
    location: location
    tags: tags
    topicName: 'evgt-${token}'
    dataAccountName: dataAccountName
    workspaceId: monitor.outputs.workspaceId
  }
  dependsOn: [
    storage
  ]
}

// After the roles: the platform fetches the package and the host opens its storage by them.
module functions 'modules/functions.bicep' = {
  scope: group
  name: 'functions'
  params: {
    location: location
    tags: tags
    planName: 'plan-${token}'
    appName: 'func-${token}'
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    deploymentContainer: storage.outputs.deploymentContainer
    hostBlobEndpoint: storage.outputs.hostBlobEndpoint
    hostQueueEndpoint: storage.outputs.hostQueueEndpoint
    hostTableEndpoint: storage.outputs.hostTableEndpoint
    dataBlobEndpoint: storage.outputs.dataBlobEndpoint
    dataQueueEndpoint: storage.outputs.dataQueueEndpoint
    insightsConnectionString: monitor.outputs.connectionString
    vaultUri: vault.outputs.uri
    subnetId: vnetEnabled ? network!.outputs.appSubnetId : ''
    httpAddresses: httpRanges
    mailboxAddress: mailboxAddress
    ourDomains: domains
    authservId: authservId
    rawRetentionDays: rawRetentionDays
    sinks: sinkNames
    webhookHosts: webhookHostNames
    sinkPairs: sinkPairs
    mailRecipients: recipients
    noticeSender: noticeSender
  }
  dependsOn: [
    roles
  ]
}

module signin 'modules/signin.bicep' = if (!empty(entraClientId)) {
  scope: group
  name: 'signin'
  params: {
    appName: functions.outputs.name
    entraClientId: entraClientId
  }
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  name: 'alerts'
  params: {
    location: location
    tags: tags
    componentId: monitor.outputs.componentId
    topicId: events.outputs.topicId
    actionGroupId: monitor.outputs.actionGroupId
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = subscription().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output BOUNCE_APP_NAME string = functions.outputs.name
output BOUNCE_APP_HOST string = functions.outputs.hostName
output BOUNCE_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output BOUNCE_IDENTITY_OBJECT_ID string = identity.outputs.principalId
output BOUNCE_VAULT_NAME string = vaultName
output BOUNCE_DATA_ACCOUNT string = dataAccountName
