// Two storage accounts, neither with usable account keys.
//   host   what the Functions host keeps for itself (locks, keys of HTTP functions) and the deployed package. The host
//          asks for Storage Blob Data Owner on its account, so no mail lies here.
//   data   inbox, store, dead letters and the queues: here roles are given container by container, queue by queue.

param location string
param tags object
param hostAccountName string
param dataAccountName string

@description('Redundancy of the data account.')
param dataRedundancy string

@description('True closes both accounts to all but private endpoints, trusted services and the operators\' addresses.')
param vnetEnabled bool

@description('Addresses or CIDR ranges of operators that may pass the firewall.')
param operatorAddresses array

@description('Days that raw mail may stay in `inbox`, the margin of the safety net included.')
param rawMailDays int

@description('Log Analytics workspace that keeps who read, wrote and deleted what.')
param workspaceId string

// Days in which something deleted by mistake can be had back. It adds to the life of raw mail: docs/security.md.
var softDeleteDays = 7
var deadLetterDays = 30

var addressRules = [for address in operatorAddresses: {
  value: address
  action: 'Allow'
}]

resource host 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  // checkov:skip=CKV_AZURE_35: Deny with vnetEnabled; without a network of its own the app comes from any address, and Entra roles alone decide
  // checkov:skip=CKV_AZURE_43: made in main.bicep of a prefix and uniqueString(); a test checks the rule
  // checkov:skip=CKV_AZURE_59: stays reachable for deployments and operators' addresses; anonymous access is off
  // checkov:skip=CKV_AZURE_206: locks, keys and the package: all of it is made anew by a deployment
  name: hostAccountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Enabled'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: vnetEnabled ? 'Deny' : 'Allow'
      ipRules: addressRules
      virtualNetworkRules: []
    }
  }
}

resource hostBlobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: host
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: softDeleteDays
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: softDeleteDays
    }
  }
}

resource deployment 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: hostBlobs
  name: 'deployment'
  properties: {
    publicAccess: 'None'
  }
}

resource data 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  // checkov:skip=CKV_AZURE_35: Deny with vnetEnabled; without a network of its own the app comes from any address, and Entra roles alone decide
  // checkov:skip=CKV_AZURE_43: made in main.bicep of a prefix and uniqueString(); a test checks the rule
  // checkov:skip=CKV_AZURE_59: stays reachable for Event Grid, a trusted service, and for operators' addresses; anonymous access is off
  // checkov:skip=CKV_AZURE_206: the parameter dataRedundancy decides; zone-redundant unless it says otherwise
  name: dataAccountName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: dataRedundancy
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Enabled'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: vnetEnabled ? 'Deny' : 'Allow'
      ipRules: addressRules
      virtualNetworkRules: []
    }
  }
}

resource dataBlobs 'Microsoft.Storage/storageAccounts/blobServices@2023-05-01' = {
  parent: data
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: softDeleteDays
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: softDeleteDays
    }
  }
}

resource access 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: dataBlobs
  name: 'access'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'StorageRead'
        enabled: true
      }
      {
        category: 'StorageWrite'
        enabled: true
      }
      {
        category: 'StorageDelete'
        enabled: true
      }
    ]
  }
}

resource inbox 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: dataBlobs
  name: 'inbox'
  properties: {
    publicAccess: 'None'
  }
}

resource store 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: dataBlobs
  name: 'store'
  properties: {
    publicAccess: 'None'
  }
}

resource deadLetters 'Microsoft.Storage/storageAccounts/blobServices/containers@2023-05-01' = {
  parent: dataBlobs
  name: 'dead-letters'
  properties: {
    publicAccess: 'None'
  }
}

resource dataQueues 'Microsoft.Storage/storageAccounts/queueServices@2023-05-01' = {
  parent: data
  name: 'default'
}

resource inputs 'Microsoft.Storage/storageAccounts/queueServices/queues@2023-05-01' = {
  parent: dataQueues
  name: 'inputs'
}

resource notices 'Microsoft.Storage/storageAccounts/queueServices/queues@2023-05-01' = {
  parent: dataQueues
  name: 'notices'
}

// The host makes a poison queue when it first needs one; it may not, with the roles that it has here.
resource inputsPoison 'Microsoft.Storage/storageAccounts/queueServices/queues@2023-05-01' = {
  parent: dataQueues
  name: 'inputs-poison'
}

resource noticesPoison 'Microsoft.Storage/storageAccounts/queueServices/queues@2023-05-01' = {
  parent: dataQueues
  name: 'notices-poison'
}

// The app deletes raw mail itself. Where it does not, because it is stopped or broken, storage does.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2023-05-01' = {
  parent: data
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'raw-mail'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                'inbox/'
              ]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterCreationGreaterThan: rawMailDays
                }
              }
            }
          }
        }
        {
          name: 'dead-letters'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                'dead-letters/'
              ]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterCreationGreaterThan: deadLetterDays
                }
              }
            }
          }
        }
      ]
    }
  }
  dependsOn: [
    dataBlobs
  ]
}

output hostId string = host.id
output hostBlobEndpoint string = host.properties.primaryEndpoints.blob
output hostQueueEndpoint string = host.properties.primaryEndpoints.queue
output hostTableEndpoint string = host.properties.primaryEndpoints.table
output dataId string = data.id
output dataBlobEndpoint string = data.properties.primaryEndpoints.blob
output dataQueueEndpoint string = data.properties.primaryEndpoints.queue
output deploymentContainer string = '${host.properties.primaryEndpoints.blob}${deployment.name}'
