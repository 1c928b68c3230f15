// Where logs, requests and alerts go. Nothing is taken in without an Entra token.

param location string
param tags object
param workspaceName string
param componentName string
param actionGroupName string

@description('Who gets the alerts; empty: they are shown in the portal alone.')
param alertEmail string

@description('Gigabytes of logs a day, past which logging stops until the next day: what a storm of mail can cost.')
param logDailyCapGb int

var receivers = empty(alertEmail) ? [] : [
  {
    name: 'mail-team'
    emailAddress: alertEmail
    useCommonAlertSchema: true
  }
]

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: 30
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
    workspaceCapping: {
      dailyQuotaGb: logDailyCapGb
    }
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: componentName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    DisableLocalAuth: true
    IngestionMode: 'LogAnalytics'
    WorkspaceResourceId: workspace.id
  }
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'triage'
    emailReceivers: receivers
  }
}

output workspaceId string = workspace.id
output componentId string = component.id
output connectionString string = component.properties.ConnectionString
output actionGroupId string = actionGroup.id
