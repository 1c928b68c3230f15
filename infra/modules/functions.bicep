// The plan and the app: Flex Consumption, Python 3.13, everything by the one identity.

param location string
param tags object
param planName string
param appName string

param identityId string
param identityClientId string

@description('The container that deployments put the package into.')
param deploymentContainer string
param hostBlobEndpoint string
param hostQueueEndpoint string
param hostTableEndpoint string
param dataBlobEndpoint string
param dataQueueEndpoint string
param insightsConnectionString string
param vaultUri string

@description('Subnet of the app; empty without a network of its own.')
param subnetId string

@description('Addresses or CIDR ranges that may call the HTTP functions. Empty: nobody may.')
param httpAddresses array

param mailboxAddress string
param ourDomains array
param authservId string
param rawRetentionDays int

@description('Which sinks are on. Their secrets have to be in the vault.')
param sinks array

@description('Their settings that are no secrets, each `NAME=value`, with the name that follows TRIAGE_SINKS__.')
param sinkPairs array

@description('Who gets notices by mail.')
param mailRecipients array

@description('The address that they come from; empty without any.')
param noticeSender string

@description('Hosts that the webhook\'s address may name.')
param webhookHosts array

// Schedules: second, minute, hour, day, month, day of the week; UTC. They are settings, so that they can be changed
// without a deployment of the code.
var scheduleSettings = [
  {
    name: 'PollCron'
    value: '0 */5 * * * *'
  }
  {
    name: 'CommitCron'
    value: '30 * * * * *'
  }
  {
    name: 'RelayCron'
    value: '15 */5 * * * *'
  }
  {
    name: 'LifecycleCron'
    value: '45 */15 * * * *'
  }
  {
    name: 'RetentionCron'
    value: '0 17 3 * * *'
  }
]

var platformSettings = [
  {
    name: 'AzureWebJobsStorage__credential'
    value: 'managedidentity'
  }
  {
    name: 'AzureWebJobsStorage__clientId'
    value: identityClientId
  }
  {
    name: 'AzureWebJobsStorage__blobServiceUri'
    value: hostBlobEndpoint
  }
  {
    name: 'AzureWebJobsStorage__queueServiceUri'
    value: hostQueueEndpoint
  }
  {
    name: 'AzureWebJobsStorage__tableServiceUri'
    value: hostTableEndpoint
  }
  {
    name: 'TriageStorage__credential'
    value: 'managedidentity'
  }
  {
    name: 'TriageStorage__clientId'
    value: identityClientId
  }
  {
    name: 'TriageStorage__blobServiceUri'
    value: dataBlobEndpoint
  }
  {
    name: 'TriageStorage__queueServiceUri'
    value: dataQueueEndpoint
  }
  {
    name: 'AZURE_CLIENT_ID'
    value: identityClientId
  }
  {
    name: 'APPLICATIONINSIGHTS_CONNECTION_STRING'
    value: insightsConnectionString
  }
  {
    name: 'APPLICATIONINSIGHTS_AUTHENTICATION_STRING'
    value: 'ClientId=${identityClientId};Authorization=AAD'
  }
]

// What is empty is left out, so that the app's own default stands.
var ourSettings = [
  {
    name: 'TRIAGE_OURS__DOMAINS'
    value: string(ourDomains)
  }
  {
    name: 'TRIAGE_RETENTION__RAW_DAYS'
    value: string(rawRetentionDays)
  }
]

var authservSettings = empty(authservId) ? [] : [
  {
    name: 'TRIAGE_AUTHSERV_ID'
    value: authservId
  }
]

// National clouds have a Graph of their own.
var graphUrls = {
  AzureCloud: 'https://graph.microsoft.com/v1.0'
  AzureUSGovernment: 'https://graph.microsoft.us/v1.0'
  AzureChinaCloud: 'https://microsoftgraph.chinacloudapi.cn/v1.0'
}

var mailboxSettings = empty(mailboxAddress) ? [] : [
  {
    name: 'TRIAGE_MAILBOX__ADDRESS'
    value: mailboxAddress
  }
  {
    name: 'TRIAGE_MAILBOX__GRAPH_URL'
    value: graphUrls[environment().name]
  }
]

var teamsSettings = contains(sinks, 'teams') ? [
  {
    name: 'TRIAGE_SINKS__TEAMS__URL'
    value: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/sinks-teams-url)'
  }
] : []

var webhookSettings = contains(sinks, 'webhook') ? [
  {
    name: 'TRIAGE_SINKS__WEBHOOK__HOSTS'
    value: string(webhookHosts)
  }
  {
    name: 'TRIAGE_SINKS__WEBHOOK__URL'
    value: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/sinks-webhook-url)'
  }
  {
    name: 'TRIAGE_SINKS__WEBHOOK__SECRET'
    value: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/sinks-webhook-secret)'
  }
] : []

var givenSinkSettings = [for pair in sinkPairs: {
  name: 'TRIAGE_SINKS__${split(pair, '=')[0]}'
  value: join(skip(split(pair, '='), 1), '=')
}]

// Who logs in with a user has a password; without a user ServiceNow takes a key, and a mail relay nothing. A reference
// stands only where its secret has to be there: one without reaches the app as the reference's own text.
var givenNames = [for pair in sinkPairs: toUpper(split(pair, '=')[0])]

var servicenowPassword = [
  {
    name: 'TRIAGE_SINKS__SERVICENOW__PASSWORD'
    value: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/sinks-servicenow-password)'
  }
]

var servicenowKey = [
  {
    name: 'TRIAGE_SINKS__SERVICENOW__API_KEY'
    value: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/sinks-servicenow-api-key)'
  }
]

var servicenowCredential = contains(givenNames, 'SERVICENOW__USER') ? servicenowPassword : servicenowKey

var servicenowSettings = contains(sinks, 'servicenow') ? servicenowCredential : []

var jiraSettings = contains(sinks, 'jira') ? [
  {
    name: 'TRIAGE_SINKS__JIRA__TOKEN'
    value: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/sinks-jira-token)'
  }
] : []

var githubSettings = contains(sinks, 'github') ? [
  {
    name: 'TRIAGE_SINKS__GITHUB__TOKEN'
    value: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/sinks-github-token)'
  }
] : []

var mailSettings = contains(sinks, 'mail') ? [
  {
    name: 'TRIAGE_SINKS__MAIL__TO'
    value: string(mailRecipients)
  }
  {
    name: 'TRIAGE_NOTICES__KEY'
    value: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/notices-key)'
  }
] : []

var mailPassword = contains(givenNames, 'MAIL__USER') ? [
  {
    name: 'TRIAGE_SINKS__MAIL__PASSWORD'
    value: '@Microsoft.KeyVault(SecretUri=${vaultUri}secrets/sinks-mail-password)'
  }
] : []

var mailLogin = contains(sinks, 'mail') ? mailPassword : []

var noticeSettings = empty(noticeSender) ? [] : [
  {
    name: 'TRIAGE_NOTICES__SENDER'
    value: noticeSender
  }
]

var sinkSettings = concat(givenSinkSettings, teamsSettings, webhookSettings, servicenowSettings, jiraSettings, githubSettings, mailSettings, mailLogin, noticeSettings)

var settings = concat(scheduleSettings, platformSettings, ourSettings, authservSettings, mailboxSettings, sinkSettings)

var callers = [for (address, i) in httpAddresses: {
  name: 'caller-${i}'
  ipAddress: address
  action: 'Allow'
  priority: 100 + i
}]

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  // checkov:skip=CKV_AZURE_225: mail waits in the mailbox and in queues; a zone that fails delays it and loses nothing
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  // checkov:skip=CKV_AZURE_17: callers are told apart by address, function key and, with entraClientId, by Entra token
  // checkov:skip=CKV_AZURE_212: Flex Consumption starts instances on demand and has no such number
  // checkov:skip=CKV_AZURE_213: there is no load balancer to take an instance out of; alert rules watch the timers
  // checkov:skip=CKV_AZURE_222: no address may call it unless httpAddresses names it
  name: appName
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      ipSecurityRestrictions: callers
      ipSecurityRestrictionsDefaultAction: 'Deny'
      scmIpSecurityRestrictionsUseMain: false
      appSettings: settings
    }
    functionAppConfig: {
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        // The smallest that every region takes; what waits in the queues is read by far fewer.
        maximumInstanceCount: 40
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainer
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
    }
  }
}

resource noScmPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

resource noFtpPassword 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

output name string = app.name
output hostName string = app.properties.defaultHostName
