// The vault for the sinks' secrets, empty at first: docs/deploy.md says which secrets go into it, and how.

param location string
param tags object
param name string
param vnetEnabled bool
param operatorAddresses array
param workspaceId string

var addressRules = [for address in operatorAddresses: {
  value: address
}]

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  // checkov:skip=CKV_AZURE_109: Deny with vnetEnabled; without a network of its own the app comes from any address, and Entra roles alone decide
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableSoftDelete: true
    // The shortest that there is: a removed environment's name is free again after a week, not after three months.
    softDeleteRetentionInDays: 7
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: vnetEnabled ? 'Deny' : 'Allow'
      ipRules: addressRules
      virtualNetworkRules: []
    }
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'audit'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

output id string = vault.id
output uri string = vault.properties.vaultUri
