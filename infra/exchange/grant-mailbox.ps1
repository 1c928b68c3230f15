<#
.SYNOPSIS
Lets Bounce Triage read and sort one mailbox of Exchange Online, and proves that it reaches no other.

.DESCRIPTION
Uses RBAC for Applications: the application gets the role "Application Mail.ReadWrite" for a scope that holds one
mailbox. Without -Apply nothing is changed: the script says what is there, what is missing, and shows the proof.
With -Apply it makes what is missing, and can be repeated.

Needs the module ExchangeOnlineManagement (3.0 or later), a session made by Connect-ExchangeOnline, and the role
group Organization Management.

Grant the application no Mail permission in Entra ID besides: both kinds of permission add up, and those of Entra ID
hold for every mailbox. Test-ServicePrincipalAuthorization does not see them; `triage mailbox check --other` does.

.PARAMETER Mailbox
The address of the shared mailbox.

.PARAMETER AppId
The application (client) id of the app's managed identity.

.PARAMETER ObjectId
The object id of its service principal: under Enterprise applications, not under App registrations.

.PARAMETER OtherMailbox
A mailbox that must stay out of reach, for the proof; else the first other one that is found.

.PARAMETER ScopeName
The name of the management scope.

.PARAMETER DisplayName
The name of the service principal in Exchange Online.

.PARAMETER Apply
Make what is missing.

.EXAMPLE
./grant-mailbox.ps1 -AppId 00000000-0000-0000-0000-000000000001 -ObjectId 00000000-0000-0000-0000-000000000002 `
    -Mailbox bounces@contoso.example -OtherMailbox director@contoso.example

Says what is missing and changes nothing.
#>
[CmdletBinding()]
param(
    [Parameter(Mandatory = $true)] [string] $Mailbox,
    [Parameter(Mandatory = $true)] [guid] $AppId,
    [Parameter(Mandatory = $true)] [guid] $ObjectId,
    [string] $OtherMailbox,
    [string] $ScopeName = 'Bounce Triage mailbox',
    [string] $DisplayName = 'Bounce Triage',
    [switch] $Apply
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$role = 'Application Mail.ReadWrite'
$missing = [System.Collections.Generic.List[string]]::new()

function Stop-Here([string] $Sentence) {
    Write-Host "Stopped: $Sentence"
    exit 2
}

# Exchange Online answers "not found" with an error; that is an answer here.
function Find-Scope([string] $Name) {
    Get-ManagementScope | Where-Object { $_.Name -eq $Name }
}

function Find-Principal([guid] $Id) {
    Get-ServicePrincipal | Where-Object { [string] $_.AppId -eq [string] $Id }
}

function Get-Access([string] $Resource) {
    @(Test-ServicePrincipalAuthorization -Identity ([string] $ObjectId) -Resource $Resource)
}

if (-not (Get-Command Test-ServicePrincipalAuthorization -ErrorAction SilentlyContinue)) {
    Stop-Here 'there is no session with Exchange Online. Run Connect-ExchangeOnline first.'
}

# ---- The two mailboxes

$own = Get-Mailbox -Identity $Mailbox
$other = if ($OtherMailbox) {
    Get-Mailbox -Identity $OtherMailbox
} else {
    Get-Mailbox -ResultSize 5 -WarningAction SilentlyContinue |
        Where-Object { $_.ExchangeGuid -ne $own.ExchangeGuid } | Select-Object -First 1
}
if (-not $other) { Stop-Here 'there is no other mailbox for the proof. Name one with -OtherMailbox.' }
$OtherMailbox = [string] $other.PrimarySmtpAddress
if ($own.ExchangeGuid -eq $other.ExchangeGuid) {
    Stop-Here '-Mailbox and -OtherMailbox are the same mailbox; the proof needs another one.'
}
if ($own.RecipientTypeDetails -ne 'SharedMailbox') {
    Write-Host "Note: $Mailbox is a $($own.RecipientTypeDetails), not a SharedMailbox."
}

# ---- The scope holds this mailbox alone. Its guid stays when its address changes.

$filter = "ExchangeGuid -eq '$($own.ExchangeGuid)'"
$held = @(Get-Recipient -RecipientPreviewFilter $filter -ResultSize 10)
if ($held.Count -ne 1 -or $held[0].PrimarySmtpAddress -ne $own.PrimarySmtpAddress) {
    Stop-Here "the filter $filter holds $($held.Count) recipients instead of $Mailbox alone. Nothing was granted."
}

$scope = Find-Scope $ScopeName
if ($scope -and $scope.RecipientFilter -notlike "*$($own.ExchangeGuid)*") {
    Stop-Here "a scope '$ScopeName' exists for something else ($($scope.RecipientFilter)). Choose another -ScopeName."
}
if (-not $scope) { $missing.Add("the scope '$ScopeName' for $filter") }

# ---- The application

$principal = Find-Principal $AppId
if ($principal -and [string] $principal.ObjectId -ne [string] $ObjectId) {
    Stop-Here "the application is known here with the object id $($principal.ObjectId), not $ObjectId. Take the one under Enterprise applications."
}
if (-not $principal) { $missing.Add("the service principal '$DisplayName' ($ObjectId)") }

# ---- The role

$assigned = @()
if ($principal -and $scope) {
    $assigned = @(Get-Access $Mailbox | Where-Object { $_.RoleName -eq $role -and $_.AllowedResourceScope -eq $ScopeName })
}
if (-not $assigned) { $missing.Add("the role '$role' for the application in that scope") }

# ---- What is missing is said, and made where that was asked for

foreach ($one in $missing) { Write-Host "Missing: $one" }
if ($missing.Count -gt 0 -and -not $Apply) {
    Write-Host 'Nothing was changed. Run it again with -Apply to make what is missing.'
    exit 1
}
if ($Apply) {
    if (-not $principal) {
        New-ServicePrincipal -AppId ([string] $AppId) -ObjectId ([string] $ObjectId) -DisplayName $DisplayName | Out-Null
        Write-Host "Made: the service principal '$DisplayName'"
    }
    if (-not $scope) {
        New-ManagementScope -Name $ScopeName -RecipientRestrictionFilter $filter | Out-Null
        Write-Host "Made: the scope '$ScopeName'"
    }
    if (-not $assigned) {
        New-ManagementRoleAssignment -App ([string] $ObjectId) -Role $role -CustomResourceScope $ScopeName | Out-Null
        Write-Host "Made: the role '$role' in that scope"
    }
}

# ---- The proof

$onOwn = Get-Access $Mailbox
$onOther = Get-Access $OtherMailbox
$columns = 'RoleName', 'GrantedPermissions', 'AllowedResourceScope', 'ScopeType', 'InScope'
Write-Host "Access to ${Mailbox}:"
$onOwn | Format-Table -Property $columns | Out-String | Write-Host
Write-Host "Access to ${OtherMailbox}:"
$onOther | Format-Table -Property $columns | Out-String | Write-Host

$enters = @($onOwn | Where-Object { $_.RoleName -eq $role -and [string] $_.InScope -eq 'True' })
$strays = @($onOther | Where-Object { [string] $_.InScope -ne 'False' })
if (-not $enters) {
    Write-Host "NOT PROVED: the application does not get into $Mailbox."
    exit 1
}
if ($strays) {
    Write-Host "NOT PROVED: the application gets into $OtherMailbox as well: $($strays.RoleName -join ', ')."
    exit 1
}
Write-Host "Proved: by its roles in Exchange Online the application gets into $Mailbox and not into $OtherMailbox."
Write-Host 'A new grant can take two hours to count. Then: triage mailbox check --other' $OtherMailbox
Write-Host 'That also shows permissions granted in Entra ID, which this proof does not see.'
