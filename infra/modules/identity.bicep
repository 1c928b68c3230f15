// The one identity of the app: it opens storage, the vault, Application Insights and, by Exchange's own roles, the
// mailbox. User-assigned, so that it exists before the app does and keeps its ids when the app is made anew.

param location string
param tags object
param name string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags
}

output id string = identity.id
output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
