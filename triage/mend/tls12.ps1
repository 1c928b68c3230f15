#Requires -Version 2.0
<#
.SYNOPSIS
Reads the TLS 1.2 values of this server, sets them with -Apply, and takes them back with -Undo.

.DESCRIPTION
Without a switch it reads and prints each value, and changes nothing.

  powershell.exe -NoProfile -ExecutionPolicy Bypass -File FILE
  powershell.exe -NoProfile -ExecutionPolicy Bypass -File FILE -Apply
  powershell.exe -NoProfile -ExecutionPolicy Bypass -File FILE -Undo

-Apply first exports the keys that it is about to touch into a dated folder, and stops if that fails; then it writes
down each value before it sets it. -Undo deletes the values that -Apply added, gives those that it changed their old
number, and touches nothing else. The script never restarts anything.

Exit codes: 0 right, 1 wrong, 2 unknown, 3 refused: then nothing was changed.

.PARAMETER Apply
Set the values. Needs an elevated console.

.PARAMETER Undo
Take back what -Apply did. Needs an elevated console.

.PARAMETER Folder
Where exports and notes are kept: for -Apply the folder in which a dated one is made, for -Undo the same, or the dated
one itself.
#>
[CmdletBinding()]
param(
    [switch]$Apply,
    [switch]$Undo,
    [string]$Folder = ''
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

# --- What this copy was written for, and what it holds to be right ---------------------------------------------
$Server = @@HOST@@
$Values = @(
@@VALUES@@
)
# SMTP of a build below one of these cannot speak TLS 1.2, whatever the registry says.
$Limits = @(
@@LIMITS@@
)
# Below these Microsoft's guidance for TLS 1.2 is not met.
$Guidance = @(
@@GUIDANCE@@
)
# What Windows does about TLS 1.2 where no value says otherwise.
$Systems = @(
@@SYSTEMS@@
)
$Exported = @(
@@EXPORTED@@
)

# --- Words and exit codes --------------------------------------------------------------------------------------
$Right = 0
$Wrong = 1
$Unknown = 2
$Refused = 3

function Write-Line([string]$Text) {
    Write-Host $Text
}

function Stop-Refused([string]$Why) {
    Write-Line ('Refused: ' + $Why)
    Write-Line 'Nothing was changed.'
    exit $Refused
}

trap {
    Write-Line ('Stopped: ' + $_.Exception.Message)
    Write-Line 'What was changed before that, if anything, stands in the newest folder of exports, in changed.txt; -Undo takes it back.'
    exit 2
}

# --- Reading ---------------------------------------------------------------------------------------------------
function Read-Value([string]$Path, [string]$Name) {
    $found = @{ State = 'absent'; Data = $null; Text = 'absent' }
    try {
        $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($Path, $false)
        if ($null -ne $key) {
            $data = $key.GetValue($Name, $null)
            if ($null -ne $data) {
                $found.State = $key.GetValueKind($Name).ToString()
                $found.Data = $data
                $found.Text = [string]$data + ' (' + $found.State + ')'
            }
            $key.Close()
        }
    } catch {
        $found.State = 'unread'
        $found.Text = 'cannot be read: ' + $_.Exception.Message
    }
    return $found
}

function Test-Same($Found, [int]$Wanted) {
    if ($Found.State -ne 'DWord') { return $false }
    return ([int]$Found.Data -eq $Wanted)
}

function Get-System {
    # A value of its own tells 2016 and later; before that CurrentVersion alone is true.
    $path = 'SOFTWARE\Microsoft\Windows NT\CurrentVersion'
    $major = Read-Value $path 'CurrentMajorVersionNumber'
    $number = ''
    if ($major.State -eq 'DWord') {
        $number = [string]$major.Data + '.0'
    } else {
        $old = Read-Value $path 'CurrentVersion'
        if ($old.State -eq 'String') { $number = [string]$old.Data }
    }
    $name = Read-Value $path 'ProductName'
    $pack = Read-Value $path 'CSDVersion'
    $system = @{ Number = $number; Title = 'Windows ' + $number; Tls12 = 'unknown'; Pack = '' }
    if ($pack.State -eq 'String') { $system.Pack = [string]$pack.Data }
    foreach ($known in $Systems) {
        if ($known.Number -eq $number) { $system.Tls12 = $known.Tls12 }
    }
    if ($name.State -eq 'String') { $system.Title = [string]$name.Data }
    # Windows Server 2008 learned TLS 1.2 with Service Pack 2 and an update.
    if ($number -eq '6.0' -and $system.Pack -ne 'Service Pack 2') { $system.Tls12 = 'none' }
    return $system
}

function Get-ExchangeBuild {
    # An update rollup of 2010 changes ExSetup.exe and not the registry, so the file decides.
    $setups = @(
        'SOFTWARE\Microsoft\ExchangeServer\v15\Setup',
        'SOFTWARE\Microsoft\ExchangeServer\v14\Setup',
        'SOFTWARE\Microsoft\Exchange\Setup'
    )
    foreach ($setup in $setups) {
        $place = Read-Value $setup 'MsiInstallPath'
        if ($place.State -ne 'String') { continue }
        $program = Join-Path -Path ([string]$place.Data) -ChildPath 'Bin\ExSetup.exe'
        if (-not (Test-Path -LiteralPath $program)) { continue }
        $file = [System.Diagnostics.FileVersionInfo]::GetVersionInfo($program)
        return New-Object -TypeName System.Version -ArgumentList $file.FileMajorPart, $file.FileMinorPart, $file.FileBuildPart, $file.FilePrivatePart
    }
    return $null
}

function Find-Floor($Floors, $Build) {
    foreach ($floor in $Floors) {
        if ($Build -ge [version]$floor.From -and $Build -lt [version]$floor.Below) { return $floor }
    }
    return $null
}

function Get-Word($Value, $Found, $System) {
    if ($Found.State -eq 'unread') { return 'unknown' }
    if (Test-Same $Found $Value.Wanted) { return 'right' }
    if ($Found.State -eq 'absent' -and $Value.Schannel) {
        # Absent Schannel values leave it to Windows; an absent .NET value counts as 0.
        if ($System.Tls12 -eq 'on') { return 'right' }
        if ($System.Tls12 -eq 'unknown') { return 'unknown' }
    }
    return 'wrong'
}

function Show-Values($System) {
    $words = @()
    $path = ''
    foreach ($value in $Values) {
        if ($value.Path -ne $path) {
            $path = $value.Path
            Write-Line ('HKLM\' + $path)
        }
        $found = Read-Value $value.Path $value.Name
        $word = Get-Word $value $found $System
        $note = ''
        if ($word -eq 'right' -and $found.State -eq 'absent') { $note = '; this Windows has TLS 1.2 on without it' }
        if ($word -eq 'wrong' -and $found.State -eq 'absent' -and $value.Schannel) { $note = '; this Windows has TLS 1.2 off without it' }
        Write-Line ('  {0,-8} {1} = {2}, expected {3} (DWord){4}' -f $word, $value.Name, $found.Text, $value.Wanted, $note)
        $words += $word
    }
    if ($words -contains 'wrong') { return 'wrong' }
    if ($words -contains 'unknown') { return 'unknown' }
    return 'right'
}

function Show-Policy {
    Write-Line 'Group Policy:'
    $order = Read-Value 'SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002' 'Functions'
    if ($order.State -eq 'absent') {
        Write-Line '  No policy orders the cipher suites (HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002).'
    } else {
        Write-Line '  A policy orders the cipher suites: HKLM\SOFTWARE\Policies\Microsoft\Cryptography\Configuration\SSL\00010002. This script leaves it alone.'
    }
    # Preferences write these keys directly; Windows keeps the last ones that came here.
    $history = Join-Path -Path $env:ALLUSERSPROFILE -ChildPath 'Microsoft\Group Policy\History'
    $named = @()
    if (Test-Path -LiteralPath $history) {
        $files = @(Get-ChildItem -Path $history -Recurse -Force -Filter 'Registry.xml' -ErrorAction SilentlyContinue)
        foreach ($file in $files) {
            if (@(Select-String -Path $file.FullName -Pattern 'SCHANNEL', 'SchUseStrongCrypto', 'SystemDefaultTlsVersions' -SimpleMatch).Count -gt 0) {
                $named += $file.FullName
            }
        }
    }
    foreach ($name in $named) {
        Write-Line ('  A policy writes these keys, and will undo a local change at its next refresh: ' + $name)
    }
    if ($named.Count -eq 0) { Write-Line '  No stored policy preference names these keys.' }
    Write-Line '  To be sure: gpresult /scope computer /h C:\policy.html'
}

# --- Writing ---------------------------------------------------------------------------------------------------
function Export-Keys([string]$Target) {
    $reg = Join-Path -Path $env:SystemRoot -ChildPath 'System32\reg.exe'
    foreach ($one in $Exported) {
        $file = Join-Path -Path $Target -ChildPath $one.File
        & $reg export $one.Key $file /y | Out-Null
        if ($LASTEXITCODE -ne 0 -or -not (Test-Path -LiteralPath $file)) {
            Stop-Refused ('reg.exe could not export ' + $one.Key + ' to ' + $file + '.')
        }
        Write-Line ('Exported ' + $one.Key + ' to ' + $file)
    }
}

function Set-Values {
    $needed = @()
    foreach ($value in $Values) {
        $found = Read-Value $value.Path $value.Name
        if ($found.State -eq 'unread') { Stop-Refused ('HKLM\' + $value.Path + ', ' + $value.Name + ' ' + $found.Text) }
        if (-not (Test-Same $found $value.Wanted)) {
            $needed += @{ Path = $value.Path; Name = $value.Name; Wanted = $value.Wanted; Before = $found }
        }
    }
    if ($needed.Count -eq 0) {
        Write-Line 'All values stand as they should; nothing to set.'
        return
    }
    $target = Join-Path -Path $Folder -ChildPath ('tls12-' + (Get-Date -Format 'yyyyMMdd-HHmmss'))
    New-Item -ItemType Directory -Path $target | Out-Null
    Export-Keys $target
    $record = Join-Path -Path $target -ChildPath 'changed.txt'
    foreach ($one in $needed) {
        $before = $one.Before.State
        if ($before -eq 'DWord') { $before = 'DWord ' + [string]$one.Before.Data }
        # Written down first: a script that is cut off has then noted one change too many, never one too few.
        Add-Content -LiteralPath $record -Encoding ASCII -Value ($one.Path + '|' + $one.Name + '|' + $before)
        $key = [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey($one.Path)
        $key.SetValue($one.Name, [int]$one.Wanted, [Microsoft.Win32.RegistryValueKind]::DWord)
        $key.Close()
        Write-Line ('Set HKLM\' + $one.Path + ', ' + $one.Name + ' = ' + $one.Wanted + ' (was: ' + $one.Before.Text + ')')
    }
    Write-Line ('What was changed stands in ' + $record)
    Write-Line 'RESTART NEEDED. No value counts before it, and this script does not do it. In the agreed window, one server after the other:'
    Write-Line '  shutdown.exe /r /t 60 /c "TLS 1.2"'
    Write-Line 'Every Exchange server of the organisation gets the same values.'
}

function Find-Record {
    $record = Join-Path -Path $Folder -ChildPath 'changed.txt'
    if (Test-Path -LiteralPath $record) { return $record }
    if (-not (Test-Path -LiteralPath $Folder)) { return '' }
    $folders = @(Get-ChildItem -Path $Folder -Filter 'tls12-*' | Where-Object { $_.PSIsContainer } | Sort-Object -Property Name -Descending)
    foreach ($one in $folders) {
        $record = Join-Path -Path $one.FullName -ChildPath 'changed.txt'
        if (Test-Path -LiteralPath $record) { return $record }
    }
    return ''
}

function Undo-Value([string]$Line) {
    $parts = @($Line.Split('|'))
    if ($parts.Count -ne 3) { Write-Line ('Left alone, not a note of this script: ' + $Line); return }
    $known = @($Values | Where-Object { $_.Path -eq $parts[0] -and $_.Name -eq $parts[1] })
    if ($known.Count -ne 1) { Write-Line ('Left alone, not a value of this script: ' + $Line); return }
    $what = 'HKLM\' + $parts[0] + ', ' + $parts[1]
    $now = Read-Value $parts[0] $parts[1]
    if (-not (Test-Same $now $known[0].Wanted)) {
        Write-Line ('Left alone, somebody changed it since: ' + $what + ' = ' + $now.Text)
        return
    }
    $key = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey($parts[0], $true)
    if ($parts[2] -eq 'absent') {
        $key.DeleteValue($parts[1], $false)
        Write-Line ('Deleted ' + $what)
    } elseif ($parts[2] -match '^DWord (-?[0-9]{1,10})$') {
        $key.SetValue($parts[1], [int]$Matches[1], [Microsoft.Win32.RegistryValueKind]::DWord)
        Write-Line ('Set back ' + $what + ' = ' + $Matches[1])
    } else {
        Write-Line ('Left alone, it was no DWord before: ' + $what + '. The export beside the note has it.')
    }
    $key.Close()
}

# --- The story -------------------------------------------------------------------------------------------------
if ($Apply -and $Undo) { Stop-Refused '-Apply and -Undo exclude each other.' }
if ([IntPtr]::Size -ne 8) {
    if ([Environment]::GetEnvironmentVariable('PROCESSOR_ARCHITEW6432')) {
        Stop-Refused 'this is 32-bit PowerShell on a 64-bit Windows: it reads and writes other keys. Use C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe.'
    }
    Stop-Refused 'this is a 32-bit Windows; the values of this script are those of a 64-bit one.'
}
if (($Apply -or $Undo) -and -not ([Security.Principal.WindowsPrincipal][Security.Principal.WindowsIdentity]::GetCurrent()).IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
    Stop-Refused 'this needs a console that was opened with "Run as administrator".'
}
if ($Folder -eq '') { $Folder = Join-Path -Path $env:SystemDrive -ChildPath '\Backup' }

$system = Get-System
$build = Get-ExchangeBuild
$doubts = 0
Write-Line ('This machine: ' + $env:COMPUTERNAME + ', ' + $system.Title + ' ' + $system.Pack)
if ($Server -ne '' -and $Server.Split('.')[0] -ne $env:COMPUTERNAME) {
    Write-Line ('  This copy was written for ' + $Server + '. Every Exchange server of the organisation gets the same values.')
}
if ($system.Tls12 -eq 'none') {
    Stop-Refused ($system.Title + ' ' + $system.Pack + ' cannot speak TLS 1.2. Send this mail through a relay that can.')
}
if ($system.Tls12 -eq 'unknown') {
    Write-Line ('  Not known: what Windows ' + $system.Number + ' does without these values.')
    $doubts += 1
}
if ($system.Number -eq '6.0') {
    Write-Line '  Windows Server 2008 SP2 speaks TLS 1.2 only with KB4019276 or a later rollup. See Get-HotFix.'
    $doubts += 1
}
if ($null -eq $build) {
    Write-Line '  Exchange: not found (no ExSetup.exe). Is this the machine that sends or receives the mail?'
    $doubts += 1
    if ($Apply) { Stop-Refused 'the Exchange build cannot be read, and below some builds these values do nothing.' }
} else {
    Write-Line ('  Exchange build: ' + $build.ToString())
    $limit = Find-Floor $Limits $build
    if ($null -ne $limit -and -not $Undo) {
        Stop-Refused ('SMTP of this build cannot speak TLS 1.2, whatever the registry says, before ' + $limit.Title + ' (' + $limit.Below + '). Update first, or use a relay.')
    }
    $wish = Find-Floor $Guidance $build
    if ($null -ne $wish) {
        Write-Line ('  Below the guidance of Microsoft for TLS 1.2, which begins with ' + $wish.Title + ' (' + $wish.Below + ').')
    }
}
Show-Policy

if ($Undo) {
    $record = Find-Record
    if ($record -eq '') { Stop-Refused ('no changed.txt was found in ' + $Folder + ': there is nothing to take back.') }
    if ($system.Tls12 -eq 'off') {
        Write-Line 'WARNING. On this Windows TLS 1.2 is off without these values: taking them away switches it off, and brings the outage back.'
    }
    Write-Line ('Taking back what stands in ' + $record)
    foreach ($line in @(Get-Content -LiteralPath $record)) { Undo-Value $line }
    Move-Item -LiteralPath $record -Destination ($record + '.undone') -Force
    Write-Line 'RESTART NEEDED. This script does not do it: shutdown.exe /r /t 60 /c "TLS 1.2 values taken back"'
}
if ($Apply) { Set-Values }

$word = Show-Values $system
Write-Line ('Result: ' + $word + '. The values count since the last restart alone; the protocol log shows what is really spoken.')
if ($word -eq 'wrong') { exit $Wrong }
if ($word -eq 'unknown' -or $doubts -gt 0) { exit $Unknown }
exit $Right
