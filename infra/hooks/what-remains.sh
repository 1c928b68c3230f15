#!/bin/sh
# Prints what is left to people after `azd up`, with the names of this deployment filled in. It changes nothing.
# azd gives the values: they are the outputs of infra/main.bicep.
set -eu

value() { # the variable's name: its value, or a sentence that says why there is none
  eval "found=\${$1:-}"
  [ -n "$found" ] || {
    echo "$1 is not set: run this through azd, after 'azd provision'." >&2
    exit 1
  }
  printf '%s' "$found"
}

client=$(value BOUNCE_IDENTITY_CLIENT_ID)
object=$(value BOUNCE_IDENTITY_OBJECT_ID)
vault=$(value BOUNCE_VAULT_NAME)
mailbox=${BOUNCE_MAILBOX_ADDRESS:-}

echo
echo "What remains (docs/deploy.md):"
echo
if [ -n "$mailbox" ]; then
  cat <<END
1. The Exchange administrator, in PowerShell with the module ExchangeOnlineManagement:

     Connect-ExchangeOnline
     ./infra/exchange/grant-mailbox.ps1 -AppId $client -ObjectId $object -Mailbox $mailbox
     ./infra/exchange/grant-mailbox.ps1 -AppId $client -ObjectId $object -Mailbox $mailbox -Apply

   The first changes nothing and says what is missing; the second makes it: the app's identity may read and move mail in
   that one mailbox. Both prove that another mailbox stays out of reach: any, or the one after -OtherMailbox.
   Grant nothing in Entra besides: it would reach every mailbox.
END
else
  cat <<END
1. No mailbox was named, so none is polled. To name one:

     azd env set BOUNCE_MAILBOX_ADDRESS bounces@contoso.example && azd provision
END
fi
cat <<END

2. Sinks, each when you want it. The secret first, from a file, so that it stays out of the shell's history:

     az keyvault secret set --vault-name $vault --name sinks-teams-url --file teams-url.txt
     az keyvault secret set --vault-name $vault --name sinks-webhook-url --file webhook-url.txt
     az keyvault secret set --vault-name $vault --name sinks-webhook-secret --file webhook-secret.txt
     az keyvault secret set --vault-name $vault --name sinks-servicenow-password --file servicenow-password.txt
     az keyvault secret set --vault-name $vault --name sinks-servicenow-api-key --file servicenow-api-key.txt
     az keyvault secret set --vault-name $vault --name sinks-jira-token --file jira-token.txt
     az keyvault secret set --vault-name $vault --name sinks-github-token --file github-token.txt
     az keyvault secret set --vault-name $vault --name sinks-mail-password --file mail-password.txt
     az keyvault secret set --vault-name $vault --name notices-key --file notices-key.txt

   Then say which are on, and have it carried out:

     azd env set BOUNCE_SINKS teams,webhook && azd env set BOUNCE_WEBHOOK_HOSTS hooks.contoso.example
     azd provision

END
