// Only with `entraClientId`: callers of the HTTP functions need a token of this tenant for that app registration, besides
// the function key.

param appName string

@description('Client id of an Entra app registration.')
param entraClientId string

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: appName
}

resource signIn 'Microsoft.Web/sites/config@2024-04-01' = {
  // checkov:skip=CKV_AZURE_13: this is that authentication, in its second version
  // checkov:skip=CKV_AZURE_63: is a property of another config resource (web, logs); this one is authsettingsV2
  // checkov:skip=CKV_AZURE_65: is a property of another config resource (web, logs); this one is authsettingsV2
  // checkov:skip=CKV_AZURE_66: is a property of another config resource (web, logs); this one is authsettingsV2
  // checkov:skip=CKV_AZURE_80: is a property of another config resource (web, logs); this one is authsettingsV2
  // checkov:skip=CKV_AZURE_88: is a property of another config resource (web, logs); this one is authsettingsV2
  // checkov:skip=CKV_AZURE_222: is a property of another config resource (web, logs); this one is authsettingsV2
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: entraClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${subscription().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            entraClientId
            'api://${entraClientId}'
          ]
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}
