# SPDX-License-Identifier: Apache-2.0
<#
.SYNOPSIS
Finds out on a real IIS 10 what PyISAPIe's authors could not: docs/windows.md, "What is not known".

.DESCRIPTION
To be run as administrator, in Windows PowerShell 5.1 or newer, on a machine with IIS and its
feature "ISAPI Extensions". It makes a folder, application pools and a site whose names begin with
"pyisapie-verify", asks pyisapie-probe.dll in them some hundred questions over 127.0.0.1, and takes
everything away again. It changes nothing that it did not make. Before it enters a DLL into the
server's list of allowed ISAPI extensions (isapiCgiRestriction), and before it makes a certificate
(-Https), it asks; both are removed at the end.

The answers are in the two files that it names at the end. They hold names of this machine and of
accounts, and the server variables of its own requests: read them before you send them.

.EXAMPLE
powershell -ExecutionPolicy Bypass -File verify-on-iis.ps1 -Probe .\pyisapie-probe.dll

.EXAMPLE
.\verify-on-iis.ps1 -Probe .\pyisapie-probe.dll -Package C:\package\pyisapie -PythonHome C:\Python313 -Https
#>
[CmdletBinding()]
param(
    # pyisapie-probe.dll
    [Parameter(Mandatory = $true)] [string] $Probe,
    # A folder with pyisapie.dll and what belongs to it: it is tried, too, with an application.
    [string] $Package = '',
    # The Python for that; the accounts of application pools must be able to read it.
    [string] $PythonHome = '',
    # Also over TLS, with HTTP/2 and with a certificate of its own.
    [switch] $Https,
    # Leave out what takes minutes: the idle timeout.
    [switch] $Quick,
    # Where the report goes: FILE.json and FILE.txt.
    [string] $Report = 'pyisapie-verify',
    # Do not ask.
    [switch] $Yes
)

Set-StrictMode -Version 1.0
$ErrorActionPreference = 'Stop'

$Prefix = 'pyisapie-verify'
$PoolNames = @($Prefix, "$Prefix-32", "$Prefix-py")
$Appcmd = Join-Path $env:windir 'System32\inetsrv\appcmd.exe'
$Latin1 = [Text.Encoding]::GetEncoding(28591)
$CertificateApp = '{8d5c3c1b-6f3e-4a57-9b43-6a0f5f0b7d11}'
$Crlf = "`r`n"

# What has been made, and so must be taken away.
$made = @{ folder = ''; pools = @(); site = $false; allowed = @(); binding = $false; certificate = ''; ids = 0 }
$checks = New-Object System.Collections.ArrayList
$port = 0
$tlsPort = 0

# ---- the report ----

# The names are long because what the block uses of its function's variables goes through here.
function Add-Check([string] $PointOfCheck, [string] $NameOfCheck, [scriptblock] $BlockOfCheck) {
    Write-Host ('[{0}] {1}' -f $PointOfCheck, $NameOfCheck)
    $foundByCheck = $null
    try {
        $foundByCheck = & $BlockOfCheck
    } catch {
        $foundByCheck = @{ failed = "$_" }
        Write-Host "      failed: $_" -ForegroundColor Yellow
    }
    [void] $checks.Add([ordered] @{ point = $PointOfCheck; name = $NameOfCheck; found = $foundByCheck })
}

function Save-Report([object] $About) {
    $all = [ordered] @{ about = $About; checks = $checks }
    $all | ConvertTo-Json -Depth 14 | Out-File -FilePath "$Report.json" -Encoding utf8
    $lines = foreach ($check in $checks) {
        '[{0}] {1}' -f $check.point, $check.name
        '    ' + ($check.found | ConvertTo-Json -Depth 14 -Compress)
    }
    $lines | Out-File -FilePath "$Report.txt" -Encoding utf8
    Write-Host ''
    Write-Host "The report: $((Get-Item "$Report.json").FullName) and $((Get-Item "$Report.txt").FullName)"
}

# ---- the server's configuration ----

function Invoke-Appcmd([string[]] $Words) {
    $said = & $Appcmd $Words
    if ($LASTEXITCODE -ne 0) {
        throw "appcmd $($Words -join ' '): $said"
    }
    return $said
}

function Confirm-Step([string] $Question) {
    if ($Yes) {
        return $true
    }
    return (Read-Host "$Question [y/N]") -match '^[yY]'
}

function Get-FreePort {
    $listener = New-Object Net.Sockets.TcpListener ([Net.IPAddress]::Loopback, 0)
    $listener.Start()
    $free = $listener.LocalEndpoint.Port
    $listener.Stop()
    return $free
}

function Test-Allowed([string] $Dll) {
    $listed = & $Appcmd list config '-section:system.webServer/security/isapiCgiRestriction'
    return [bool] ($listed | Where-Object { $_ -like "*path=`"$Dll`"*" })
}

function Add-Allowed([string] $Dll) {
    if (Test-Allowed $Dll) {
        return
    }
    Invoke-Appcmd @('set', 'config', '-section:system.webServer/security/isapiCgiRestriction',
        "/+[path='$Dll',allowed='True',description='$Prefix']", '/commit:apphost') | Out-Null
    $made.allowed += $Dll
}

function Remove-Allowed([string] $Dll) {
    Invoke-Appcmd @('set', 'config', '-section:system.webServer/security/isapiCgiRestriction',
        "/-[path='$Dll']", '/commit:apphost') | Out-Null
}

# Without profiles, which Windows would keep in C:\Users when the pools are gone.
function Add-Pool([string] $Name, [string] $Is32Bit) {
    Invoke-Appcmd @('add', 'apppool', "/name:$Name", '/managedRuntimeVersion:',
        "/enable32BitAppOnWin64:$Is32Bit", '/processModel.loadUserProfile:false') | Out-Null
    $made.pools += $Name
}

function Get-Handler([string] $Dll, [string] $More) {
    return "<add name=`"$Prefix`" path=`"*`" verb=`"*`" modules=`"IsapiModule`" " +
    "scriptProcessor=`"$Dll`" resourceType=`"Unspecified`" requireAccess=`"Script`" $More/>"
}

function Set-WebConfig([string] $Folder, [string] $Handler, [bool] $IsChild, [string] $More) {
    [void] (New-Item -ItemType Directory -Force -Path $Folder)
    $remove = ''
    if ($IsChild) {
        $remove = "<remove name=`"$Prefix`" />"
    }
    $text = @"
<?xml version="1.0" encoding="utf-8"?>
<configuration>
  <system.webServer>
    <handlers accessPolicy="Read, Script">
      $remove
      $Handler
    </handlers>
    <httpErrors existingResponse="Auto" />
    $More
  </system.webServer>
</configuration>
"@
    Set-Content -Path (Join-Path $Folder 'web.config') -Value $text -Encoding UTF8
}

function Add-App([string] $Path, [string] $Folder, [string] $Pool) {
    Invoke-Appcmd @('add', 'app', "/site.name:$Prefix", "/path:$Path", "/physicalPath:$Folder",
        "/applicationPool:$Pool") | Out-Null
}

# ---- requests, byte for byte ----

function New-Request([string] $Method, [string] $Target, [string] $Fields, [string] $Body) {
    return "$Method $Target HTTP/1.1${Crlf}Host: 127.0.0.1:$port${Crlf}$Fields${Crlf}$Body"
}

function Open-Connection([string] $Text) {
    $client = New-Object Net.Sockets.TcpClient
    $client.NoDelay = $true
    $client.Connect('127.0.0.1', $port)
    $bytes = $Latin1.GetBytes($Text)
    $client.GetStream().Write($bytes, 0, $bytes.Length)
    return $client
}

# All that comes until the server closes, with the time of each piece.
function Read-Connection([Net.Sockets.TcpClient] $Client, [int] $Seconds) {
    $watch = [Diagnostics.Stopwatch]::StartNew()
    $stream = $Client.GetStream()
    $stream.ReadTimeout = $Seconds * 1000
    $buffer = New-Object byte[] 65536
    $text = New-Object Text.StringBuilder
    $pieces = @()
    $end = 'closed'
    try {
        while (($got = $stream.Read($buffer, 0, $buffer.Length)) -gt 0) {
            if ($pieces.Count -lt 200) {
                $pieces += , @([int] $watch.ElapsedMilliseconds, $got)
            }
            [void] $text.Append($Latin1.GetString($buffer, 0, $got))
        }
    } catch {
        $socketError = $_.Exception.GetBaseException()
        $end = 'reset'
        if ($socketError -is [Net.Sockets.SocketException]) {
            $end = "$($socketError.SocketErrorCode)"
        }
    }
    return @{ text = $text.ToString(); pieces = $pieces; end = $end }
}

function Invoke-Raw([string] $Text, [int] $Seconds = 30) {
    $client = Open-Connection $Text
    try {
        return Read-Connection $client $Seconds
    } finally {
        $client.Close()
    }
}

# A request on a connection of its own; its head and body apart, the body as it came.
function Get-Answer([string] $Target, [string] $Method = 'GET', [string] $Fields = '', [string] $Body = '') {
    $raw = Invoke-Raw (New-Request $Method $Target "Connection: close${Crlf}$Fields" $Body)
    $at = $raw.text.IndexOf("$Crlf$Crlf")
    $head = $raw.text
    $rest = ''
    if ($at -ge 0) {
        $head = $raw.text.Substring(0, $at)
        $rest = $raw.text.Substring($at + 4)
    }
    return @{
        status = ($head -split $Crlf)[0]; head = $head; body = $rest; pieces = $raw.pieces; end = $raw.end
    }
}

function Get-Json([string] $Target, [string] $Method = 'GET', [string] $Fields = '', [string] $Body = '') {
    $answer = Get-Answer $Target $Method $Fields $Body
    if ($answer.status -notmatch ' 200 ') {
        return @{ refused = $answer.status; end = $answer.end }
    }
    return $answer.body | ConvertFrom-Json
}

# What is short of an answer, for the report.
function Get-Short([hashtable] $Answer) {
    $body = $Answer.body
    if ($body.Length -gt 400) {
        $body = $body.Substring(0, 200) + '...' + $body.Substring($body.Length - 100)
    }
    return [ordered] @{
        status = $Answer.status; head = $Answer.head; length = $Answer.body.Length; body = $body
        pieces = $Answer.pieces; end = $Answer.end
    }
}

function New-Id([string] $Word) {
    $made.ids++
    return "$Word-$($made.ids)"
}

# What a request has left under &id= in the probe; waits for it.
function Get-Result([string] $Id, [int] $Seconds = 20) {
    $until = (Get-Date).AddSeconds($Seconds)
    do {
        $found = (Get-Json "/?do=results&name=$Id").results
        if ($found -and ($found.PSObject.Properties.Name -contains $Id)) {
            return $found.$Id
        }
        Start-Sleep -Milliseconds 250
    } while ((Get-Date) -lt $until)
    return @{ missing = $Id }
}

function Get-Value([object] $Variables, [string] $Name) {
    $both = $Variables.$Name
    $found = [ordered] @{ ansi = $null; unicode = $null; unicode_hex = $null }
    if ($both.ansi.ok) {
        $found.ansi = $both.ansi.value.text
    }
    if ($both.unicode.ok) {
        $hex = $both.unicode.value.hex
        $bytes = for ($i = 0; $i -lt $hex.Length; $i += 2) { [Convert]::ToByte($hex.Substring($i, 2), 16) }
        $found.unicode = [Text.Encoding]::Unicode.GetString([byte[]] @($bytes))
        $found.unicode_hex = $hex
    }
    return $found
}

# The text without one layer of chunks; "" when it has none.
function Remove-Chunks([string] $Text) {
    $rest = $Text
    $whole = ''
    while ($rest -match '^([0-9a-fA-F]+)\r\n') {
        $size = [Convert]::ToInt32($Matches[1], 16)
        $from = $Matches[0].Length
        if ($size -eq 0 -or $from + $size + 2 -gt $rest.Length) {
            return $whole
        }
        $whole += $rest.Substring($from, $size)
        $rest = $rest.Substring($from + $size + 2)
    }
    return $whole
}

# How often the body of do=send is in chunks: none, once, twice (IIS has put its own around those
# of the extension); "other" when it is not whole.
function Get-Framing([string] $Body) {
    $plain = 'aaaaaaaaaabbbbbbbbbbcccccccccc'
    $once = Remove-Chunks $Body
    if ($Body -ceq $plain) { return 'none' }
    if ($once -ceq $plain) { return 'once' }
    if ((Remove-Chunks $once) -ceq $plain) { return 'twice' }
    return 'other'
}

function Close-Hard([Net.Sockets.TcpClient] $Client) {
    $Client.Client.LingerState = New-Object Net.Sockets.LingerOption ($true, 0)
    $Client.Close()
}

# ---- TLS and HTTP/2, by WinHTTP ----

$WinHttp = @'
using System;
using System.Runtime.InteropServices;
using System.Text;

public static class VerifyWinHttp {
  const string Dll = "winhttp.dll";
  [DllImport(Dll, CharSet = CharSet.Unicode, SetLastError = true)]
  static extern IntPtr WinHttpOpen(string agent, uint access, IntPtr proxy, IntPtr bypass, uint flags);
  [DllImport(Dll, CharSet = CharSet.Unicode, SetLastError = true)]
  static extern IntPtr WinHttpConnect(IntPtr session, string server, ushort port, uint reserved);
  [DllImport(Dll, CharSet = CharSet.Unicode, SetLastError = true)]
  static extern IntPtr WinHttpOpenRequest(IntPtr connection, string verb, string path, IntPtr version,
                                          IntPtr referrer, IntPtr types, uint flags);
  [DllImport(Dll, SetLastError = true)]
  static extern bool WinHttpSetOption(IntPtr handle, uint option, ref uint value, uint size);
  [DllImport(Dll, SetLastError = true)]
  static extern bool WinHttpQueryOption(IntPtr handle, uint option, out uint value, ref uint size);
  [DllImport(Dll, SetLastError = true)]
  static extern bool WinHttpSendRequest(IntPtr request, IntPtr fields, uint n, IntPtr body, uint size,
                                        uint total, IntPtr context);
  [DllImport(Dll, SetLastError = true)]
  static extern bool WinHttpReceiveResponse(IntPtr request, IntPtr reserved);
  [DllImport(Dll, CharSet = CharSet.Unicode, SetLastError = true)]
  static extern bool WinHttpQueryHeaders(IntPtr request, uint what, IntPtr name, byte[] buffer,
                                         ref uint size, IntPtr index);
  [DllImport(Dll, SetLastError = true)]
  static extern bool WinHttpReadData(IntPtr request, byte[] buffer, uint n, out uint got);
  [DllImport(Dll)]
  static extern bool WinHttpCloseHandle(IntPtr handle);

  const uint NoProxy = 1, Secure = 0x00800000, RawHeaders = 22;
  const uint SecurityFlags = 31, IgnoreCertificate = 0x3300, EnableProtocol = 133, ProtocolUsed = 134;

  static void Check(bool good, string what) {
    if (!good)
      throw new Exception(what + ": error " + Marshal.GetLastWin32Error());
  }

  // The protocol that was used ("1": HTTP/2), the head and the body, as three texts.
  public static string[] Get(int port, string path, bool http2) {
    IntPtr session = WinHttpOpen("pyisapie-verify", NoProxy, IntPtr.Zero, IntPtr.Zero, 0);
    IntPtr connection = WinHttpConnect(session, "127.0.0.1", (ushort)port, 0);
    IntPtr request = WinHttpOpenRequest(connection, "GET", path, IntPtr.Zero, IntPtr.Zero, IntPtr.Zero,
                                        Secure);
    try {
      uint ignore = IgnoreCertificate, wanted = http2 ? 1u : 0u, used = 0, size = 4, got;
      Check(WinHttpSetOption(request, SecurityFlags, ref ignore, 4), "security flags");
      if (http2)
        Check(WinHttpSetOption(request, EnableProtocol, ref wanted, 4), "HTTP/2");
      Check(WinHttpSendRequest(request, IntPtr.Zero, 0, IntPtr.Zero, 0, 0, IntPtr.Zero), "send");
      Check(WinHttpReceiveResponse(request, IntPtr.Zero), "receive");
      WinHttpQueryOption(request, ProtocolUsed, out used, ref size);
      byte[] buffer = new byte[65536];
      uint length = (uint)buffer.Length;
      Check(WinHttpQueryHeaders(request, RawHeaders, IntPtr.Zero, buffer, ref length, IntPtr.Zero), "head");
      string head = Encoding.Unicode.GetString(buffer, 0, (int)length);
      StringBuilder body = new StringBuilder();
      while (WinHttpReadData(request, buffer, (uint)buffer.Length, out got) && got > 0)
        body.Append(Encoding.GetEncoding(28591).GetString(buffer, 0, (int)got));
      return new string[] { used.ToString(), head, body.ToString() };
    } finally {
      WinHttpCloseHandle(request);
      WinHttpCloseHandle(connection);
      WinHttpCloseHandle(session);
    }
  }
}
'@

function Get-Tls([string] $Target, [bool] $Http2) {
    $said = [VerifyWinHttp]::Get($tlsPort, $Target, $Http2)
    return [ordered] @{ http2 = ($said[0] -eq '1'); head = $said[1]; body = $said[2] }
}

# ---- what is asked ----

function Test-ControlBlock {
    Add-Check '1' 'control block, GET /' { Get-Json '/?do=ecb' }
    Add-Check '1' 'control block, a path' { Get-Json '/some/path?do=ecb' }
    Add-Check '1' 'control block, POST with a body' { Get-Json '/?do=ecb' 'POST' "Content-Type: text/plain${Crlf}Content-Length: 5${Crlf}" 'hello' }
    Add-Check '1' 'control block on a thread of the DLL' { Get-Json '/?do=ecb&pend=1' }
    Add-Check 'more' 'all variables' { Get-Json '/path/info?do=variables&x=%2F' }
    foreach ($name in 'HTTP_URL', 'UNICODE_HTTP_URL', 'REMOTE_USER', 'UNICODE_REMOTE_USER', 'HTTP_NO_SUCH', 'NO_SUCH') {
        Add-Check 'more' "buffers of several sizes: $name" { Get-Json "/?do=sizes&name=$name" }
    }
    Add-Check 'more' 'chunked request body' { Get-Json '/?do=ecb' 'POST' "Transfer-Encoding: chunked${Crlf}" "5${Crlf}hello${Crlf}0${Crlf}${Crlf}" }
    Add-Check 'more' 'Expect: 100-continue' {
        Get-Short (Get-Answer '/?do=read' 'POST' "Expect: 100-continue${Crlf}Content-Length: 5${Crlf}" 'hello')
    }
}

function Test-Framing {
    foreach ($app in '/', '/unbuffered/') {
        foreach ($flush in 0, 1) {
            foreach ($kind in 'chunked', 'none', 'length') {
                Add-Check '2' "framing=$kind flush=$flush in $app" {
                    $answer = Get-Answer "${app}?do=send&framing=$kind&flush=$flush&wait=200"
                    $found = Get-Short $answer
                    $found.framing = Get-Framing $answer.body
                    $found
                }
            }
        }
        Add-Check '2' "own chunks for a client that takes gzip, in $app" {
            $answer = Get-Answer "${app}?do=send&flush=1" 'GET' "Accept-Encoding: gzip${Crlf}"
            $found = Get-Short $answer
            $found.framing = Get-Framing $answer.body
            $found
        }
        Add-Check '2' "6 MB in own chunks in $app" { Get-Short (Get-Answer "${app}?do=send&parts=100&size=60000") }
        Add-Check '2' "own chunks for HTTP/1.0 in $app" {
            $raw = Invoke-Raw "GET ${app}?do=send HTTP/1.0${Crlf}Host: 127.0.0.1:$port${Crlf}${Crlf}"
            [ordered] @{ text = $raw.text; end = $raw.end }
        }
    }
    foreach ($way in 'async=1', 'via=write', 'head=alone', 'head=alone&async=1') {
        Add-Check '2' "own chunks, $way" {
            $id = New-Id 'way'
            $found = Get-Short (Get-Answer "/?do=send&id=$id&$way")
            $found.calls = Get-Result $id
            $found
        }
    }
}

$VariablesOfPath = 'HTTP_URL,UNENCODED_URL,PATH_INFO,SCRIPT_NAME,URL,CACHE_URL,ORIG_PATH_INFO,PATH_TRANSLATED,HTTP_X_ORIGINAL_URL,APPL_MD_PATH,APPL_PHYSICAL_PATH'

function Get-Paths([string] $Target) {
    $mark = '?'
    if ($Target.Contains('?')) {
        $mark = '&'
    }
    $all = Get-Json "$Target${mark}do=variables&name=$VariablesOfPath"
    if ($all -is [hashtable]) {
        return $all
    }
    $found = [ordered] @{}
    foreach ($name in $VariablesOfPath -split ',') {
        $found[$name] = Get-Value $all $name
    }
    return $found
}

function Test-Paths([bool] $CanRewrite) {
    $targets = '/a%2Fb', '/a%5Cb', '/gr%C3%BC%C3%9Fe/%E2%82%AC', '/%E9', '/x/../y', '/x/./y', '//d//e',
    '/a%252Fb', '/a+b;c=1/d%20e', '/q?x=%2F%C3%BC', '/dot.', '/unbuffered/x%2Fy', '/UNBUFFERED/x',
    '/unbuffered', "http://127.0.0.1:$port/absolute"
    foreach ($target in $targets) {
        Add-Check '3' "variables of $target" { Get-Paths $target }
    }
    if ($CanRewrite) {
        Add-Check '3' 'variables of a rewritten URL' { Get-Paths '/rewritten/from/x%2Fy?q=1' }
    }
}

function Test-Flushing {
    foreach ($app in '/', '/unbuffered/') {
        foreach ($flush in 0, 1) {
            Add-Check '5' "parts with 700 ms between, flush=$flush in $app" {
                $id = New-Id 'parts'
                $found = Get-Short (Get-Answer "${app}?do=send&flush=$flush&wait=700&id=$id")
                $found.calls = Get-Result $id
                $found
            }
            Add-Check '5' "head alone, then 1500 ms, flush=$flush in $app" {
                $id = New-Id 'early'
                $found = Get-Short (Get-Answer "${app}?do=send&flush=$flush&head=alone&parts=1&wait=1500&id=$id")
                $found.calls = Get-Result $id
                $found
            }
        }
    }
    foreach ($mode in 0, 1) {
        Add-Check '5' "a last vector without elements, asynchronous=$mode" {
            $id = New-Id 'empty'
            $found = Get-Short (Get-Answer "/?do=send&head=alone&parts=0&framing=length&async=$mode&id=$id")
            $found.calls = Get-Result $id
            $found
        }
    }
    Add-Check '5' 'HEAD' { Get-Short (Get-Answer '/?do=send&head=alone&parts=0&framing=length' 'HEAD') }
    foreach ($skip in 0, 1) {
        Add-Check 'more' "status 404 with TRY_SKIP_CUSTOM_ERRORS=$skip, existingResponse=Auto" {
            Get-Short (Get-Answer "/?do=send&status=404%20Not%20Found&framing=length&skip=$skip")
        }
    }
    foreach ($end in 'close', 'abort', 'return') {
        foreach ($flush in 0, 1) {
            Add-Check 'more' "broken off by $end, flush=$flush" {
                $id = New-Id 'broken'
                $found = Get-Short (Get-Answer "/?do=send&end=$end&last=0&outcome=4&flush=$flush&id=$id")
                $found.calls = Get-Result $id
                $found
            }
        }
    }
    foreach ($via in 'vector', 'transmit') {
        foreach ($flags in 'async=0&overlapped=0', 'async=0&overlapped=1', 'async=1&overlapped=0', 'async=1&overlapped=1') {
            Add-Check 'more' "a file by $via, $flags" {
                $id = New-Id 'file'
                $found = Get-Short (Get-Answer "/?do=file&via=$via&$flags&id=$id")
                $found.body = $found.body.Substring(0, [Math]::Min(2, $found.body.Length))
                $found.calls = Get-Result $id
                $found
            }
        }
    }
}

function Test-ExecUrl {
    $asked = [ordered] @{
        'a file' = '/?do=exec&url=/static.txt'; 'nothing' = '/?do=exec&url=/none.txt'
        'the same URL, a file' = '/static.txt?do=exec'; 'the same URL, nothing' = '/none.txt?do=exec'
        'a file of the application' = '/unbuffered/?do=exec&url=/unbuffered/static.txt'
    }
    foreach ($what in $asked.Keys) {
        Add-Check '6' "EXEC_URL of $what" {
            $id = New-Id 'exec'
            $found = Get-Short (Get-Answer "$($asked[$what])&id=$id")
            $found.calls = Get-Result $id
            $found
        }
    }
}

function Test-Cancel {
    Add-Check '7' 'CANCEL_IO of a read' {
        $client = Open-Connection (New-Request 'POST' '/?do=cancel&id=cancel' "Content-Length: 100000$Crlf" 'begin')
        $found = Get-Result 'cancel' 30
        $client.Close()
        $found
    }
    Add-Check '7' 'GET_CHANNEL_BINDING_TOKEN without TLS' { Get-Json '/?do=cbt' }
}

function Test-Leaving {
    foreach ($how in 'reset', 'close') {
        Add-Check '8' "IS_CONNECTED when the client goes by $how after 1 s" {
            $client = Open-Connection (New-Request 'GET' "/?do=connected&every=20&id=left-$how" '' '')
            Start-Sleep -Seconds 1
            if ($how -eq 'reset') { Close-Hard $client } else { $client.Close() }
            Get-Result "left-$how" 30
        }
        Add-Check '8' "IS_CONNECTED when the client has sent its half" {
            $client = Open-Connection (New-Request 'GET' "/?do=connected&for=3000&id=half-$how" "Connection: close$Crlf" '')
            $client.Client.Shutdown([Net.Sockets.SocketShutdown]::Send)
            $answer = Read-Connection $client 20
            $client.Close()
            [ordered] @{ result = (Get-Result "half-$how"); answered = $answer.text.Length; end = $answer.end }
        }
        foreach ($mode in 0, 1) {
            foreach ($fields in 'Content-Length: 100000', 'Transfer-Encoding: chunked') {
                $body = 'begin'
                if ($fields -like '*chunked') { $body = "5${Crlf}begin${Crlf}" }
                $id = "gone-$how-$mode-$($fields.Length)"
                Add-Check '8' "reading, asynchronous=$mode, $fields, the client goes by $how" {
                    $client = Open-Connection (New-Request 'POST' "/?do=read&async=$mode&id=$id" "$fields$Crlf" $body)
                    Start-Sleep -Milliseconds 700
                    if ($how -eq 'reset') { Close-Hard $client } else { $client.Close() }
                    Get-Result $id 30
                }
            }
        }
    }
    Add-Check '8' 'a whole chunked body from a client that then closes its half' {
        $text = New-Request 'POST' '/?do=read&id=whole' "Transfer-Encoding: chunked$Crlf" "5${Crlf}hello${Crlf}0${Crlf}${Crlf}"
        $client = Open-Connection $text
        $client.Client.Shutdown([Net.Sockets.SocketShutdown]::Send)
        $client.Close()
        Get-Result 'whole'
    }
}

function Test-Rest {
    Add-Check 'more' 'identity of an anonymous request' { Get-Json '/?do=token' }
    Add-Check 'more' 'the same on a thread of the DLL' { Get-Json '/?do=token&pend=1' }
    Add-Check 'more' 'functions that answer at once' { Get-Json '/?do=functions' }
    Add-Check 'more' 'APPEND_LOG_PARAMETER' { Get-Json '/?do=log&text=appended%3D1' }
    Add-Check 'more' 'requests that run at once on threads of IIS, of 100' {
        $clients = for ($i = 0; $i -lt 100; $i++) {
            Open-Connection (New-Request 'GET' '/?do=hold&for=2000&pend=0' "Connection: close$Crlf" '')
        }
        foreach ($client in $clients) {
            [void] (Read-Connection $client 120)
            $client.Close()
        }
        (Get-Json '/?do=ecb').most_inside
    }
}

function Get-Life([string] $Folder) {
    $file = Join-Path $Folder 'pyisapie-probe.log'
    return @(Get-Content $file | ForEach-Object { $_ | ConvertFrom-Json })
}

function Get-ProcessOfPool {
    $id = (Get-Json '/?do=ecb').pid
    if (-not $id) {
        throw 'the probe does not answer'
    }
    return $id
}

# Waits until the process has gone; its part of the probe's log.
function Wait-End([int] $Id, [string] $Folder, [int] $Seconds) {
    $watch = [Diagnostics.Stopwatch]::StartNew()
    while ((Get-Process -Id $Id -ErrorAction SilentlyContinue) -and $watch.Elapsed.TotalSeconds -lt $Seconds) {
        Start-Sleep -Milliseconds 250
    }
    return [ordered] @{
        ended = -not (Get-Process -Id $Id -ErrorAction SilentlyContinue)
        seconds = $watch.Elapsed.TotalSeconds
        log = @(Get-Life $Folder | Where-Object { $_.pid -eq $Id })
    }
}

function Test-Life([string] $Folder) {
    Add-Check '9' 'recycled' {
        $id = Get-ProcessOfPool
        Invoke-Appcmd @('recycle', 'apppool', "/apppool.name:$Prefix") | Out-Null
        [void] (Get-Json '/?do=ecb')
        Wait-End $id $Folder 120
    }
    Add-Check '9' 'recycled while a request runs for 5 s' {
        $id = Get-ProcessOfPool
        $client = Open-Connection (New-Request 'GET' '/?do=hold&for=5000' "Connection: close$Crlf" '')
        Start-Sleep -Milliseconds 500
        Invoke-Appcmd @('recycle', 'apppool', "/apppool.name:$Prefix") | Out-Null
        $answer = Read-Connection $client 30
        $client.Close()
        $found = Wait-End $id $Folder 120
        $found.answered = $answer.text.Length
        $found
    }
    Add-Check '9' 'unhealthy' {
        $said = Get-Json '/?do=unhealthy'
        if (-not $said.pid) {
            throw 'the probe does not answer'
        }
        $found = Wait-End $said.pid $Folder 100
        $found.call = $said
        $found
    }
    Add-Check '9' 'the pool stopped' {
        $id = Get-ProcessOfPool
        Invoke-Appcmd @('stop', 'apppool', "/apppool.name:$Prefix") | Out-Null
        $found = Wait-End $id $Folder 120
        Invoke-Appcmd @('start', 'apppool', "/apppool.name:$Prefix") | Out-Null
        $found
    }
    if (-not $Quick) {
        Add-Check '9' 'idle (this takes up to three minutes)' {
            Invoke-Appcmd @('set', 'apppool', "/apppool.name:$Prefix", '/processModel.idleTimeout:00:01:00') | Out-Null
            $id = Get-ProcessOfPool
            Wait-End $id $Folder 200
        }
    }
}

function Test-Tls {
    foreach ($http2 in $false, $true) {
        $label = "HTTP/2 asked for: $http2"
        Add-Check '2' "SERVER_PROTOCOL by TLS, $label" { Get-Tls '/?do=variables&name=SERVER_PROTOCOL,HTTP_VERSION,HTTPS,CRYPT_PROTOCOL,CERT_FLAGS' $http2 }
        foreach ($kind in 'chunked', 'none', 'length') {
            Add-Check '2' "framing=$kind by TLS, $label" { Get-Tls "/?do=send&framing=$kind&flush=1" $http2 }
        }
        Add-Check '7' "GET_CHANNEL_BINDING_TOKEN by TLS, $label" { Get-Tls '/?do=cbt' $http2 }
    }
}

# ---- PyISAPIe itself ----

$Application = @'
import json, time
import pyisapie
from pyisapie import windows

def tell(environ):
    shown = {k: v for k, v in environ.items() if isinstance(v, (str, int, bool))}
    try:
        token = environ["pyisapie.windows_token"].handle
        with windows.impersonate(environ):
            user = windows.whoami()
    except Exception as error:
        token, user = 0, repr(error)
    return {"environ": shown, "whoami": windows.whoami(), "user": user, "token": bool(token)}

def slowly():
    for i in range(3):
        time.sleep(0.7)
        yield b"part %d\n" % i

def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/static.txt":
        return pyisapie.pass_to_server(environ)
    if path == "/upload":
        body = b"%d bytes" % len(environ["wsgi.input"].read())
    elif path == "/nothing":
        start_response("204 No Content", [])
        return []
    elif path == "/slowly":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return slowly()
    else:
        body = json.dumps(tell(environ)).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
'@

function Add-Python([string] $Folder) {
    $copy = Join-Path $Folder 'package\pyisapie'
    $site = Join-Path $Folder 'py'
    [void] (New-Item -ItemType Directory -Force -Path (Split-Path $copy))
    Copy-Item -Recurse -Path $Package -Destination $copy
    Set-WebConfig $site (Get-Handler (Join-Path $copy 'pyisapie.dll') 'preCondition="bitness64" responseBufferLimit="0" ') $true ''
    Set-Content -Path (Join-Path $site 'verify_app.py') -Value $Application -Encoding ASCII
    Set-Content -Path (Join-Path $site 'static.txt') -Value 'a file of the site' -Encoding ASCII
    $log = (Join-Path $Folder 'logs\pyisapie.log').Replace('\', '/')
    $settings = "app = `"verify_app:app`"${Crlf}log = `"$log`"${Crlf}log-level = `"debug`"${Crlf}"
    Set-Content -Path (Join-Path $site 'pyisapie.toml') -Value $settings -Encoding ASCII
    Add-Pool "$Prefix-py" 'false'
    if ($PythonHome) {
        Add-Variable "$Prefix-py" 'PYISAPIE_HOME' $PythonHome
    }
    Add-App '/py' $site "$Prefix-py"
    Add-Allowed (Join-Path $copy 'pyisapie.dll')
    # A DLL whose Python is not to be found: what IIS says of that.
    $engine = Get-ChildItem -Path $copy -Filter '_engine.*.pyd' | Select-Object -First 1
    if ($engine) {
        $broken = Join-Path $Folder 'bin\needs-python.dll'
        Copy-Item -Path $engine.FullName -Destination $broken
        Set-WebConfig (Join-Path $Folder 'broken') (Get-Handler $broken '') $true ''
        Add-App '/broken' (Join-Path $Folder 'broken') $Prefix
        Add-Allowed $broken
    }
}

function Test-Python([string] $Folder) {
    Add-Check 'pyisapie' 'the first request' { Get-Short (Get-Answer '/py/some/path?x=1') }
    Add-Check 'pyisapie' 'environ and identity' { Get-Json '/py/gr%C3%BC%C3%9Fe/a%2Fb?x=%2F' }
    Add-Check 'pyisapie' 'a body of 300000 bytes' {
        Get-Short (Get-Answer '/py/upload' 'POST' "Content-Length: 300000$Crlf" ('x' * 300000))
    }
    Add-Check 'pyisapie' 'a chunked body' {
        Get-Short (Get-Answer '/py/upload' 'POST' "Transfer-Encoding: chunked$Crlf" "5${Crlf}hello${Crlf}0${Crlf}${Crlf}")
    }
    Add-Check 'pyisapie' 'a body in pieces' { Get-Short (Get-Answer '/py/slowly') }
    Add-Check 'pyisapie' 'no content, then a body in pieces' {
        [ordered] @{ first = (Get-Short (Get-Answer '/py/nothing')); then = (Get-Short (Get-Answer '/py/slowly')) }
    }
    Add-Check 'pyisapie' 'a file by pass_to_server' { Get-Short (Get-Answer '/py/static.txt') }
    Add-Check 'pyisapie' 'the error log' { @(Get-Content (Join-Path $Folder 'logs\pyisapie.log') | ForEach-Object { "$_" }) }
}

# ---- what stands in logs ----

function Test-Logs([string] $Folder, [datetime] $Since) {
    Add-Check '4' 'lines of the log of IIS: sub-status and Win32 status' {
        & netsh http flush logbuffer | Out-Null
        Start-Sleep -Seconds 2
        @(Get-ChildItem -Path (Join-Path $Folder 'logs') -Recurse -Filter '*.log' |
                Where-Object { $_.Name -notlike 'pyisapie*' } | Get-Content |
                Where-Object { $_ -match '^#Fields|mark=|appended|/broken|/py/' } | ForEach-Object { "$_" })
    }
    Add-Check '4' 'the event log' {
        $wanted = @{ LogName = 'System', 'Application'; StartTime = $Since }
        @(Get-WinEvent -FilterHashtable $wanted -ErrorAction SilentlyContinue |
                Where-Object { $_.ProviderName -match 'IIS|WAS|W3SVC|PyISAPIe' } | Select-Object -First 40 |
                ForEach-Object { [ordered] @{ id = $_.Id; source = $_.ProviderName; text = $_.Message } })
    }
}

# ---- the way of it all ----

function Assert-Ready {
    $who = New-Object Security.Principal.WindowsPrincipal ([Security.Principal.WindowsIdentity]::GetCurrent())
    if (-not $who.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {
        throw 'This must be run as administrator.'
    }
    if (-not [Environment]::Is64BitProcess) {
        throw 'This must be run by a 64-bit PowerShell.'
    }
    if (-not (Test-Path $Appcmd)) {
        throw 'IIS is not installed: there is no appcmd.exe.'
    }
    if (-not ((& $Appcmd list config '-section:system.webServer/globalModules') -match 'IsapiModule')) {
        throw 'The feature IIS-ISAPIExtensions is not installed: docs/windows.md tells how.'
    }
    if ((Get-Service W3SVC).Status -ne 'Running') {
        throw 'The service W3SVC does not run.'
    }
    # Whatever it says when there is none.
    $there = @(& $Appcmd list site "/name:$Prefix") + @($PoolNames | ForEach-Object { & $Appcmd list apppool "/name:$_" })
    if ($there -match '^(SITE|APPPOOL) "') {
        throw "There is a site or a pool named ${Prefix}: left by an earlier run? Remove it by hand."
    }
}

# As by default where no feature of ASP.NET was ever installed: then each request would end with 500.19.
function Assert-Unlocked {
    try {
        Invoke-Appcmd @('list', 'config', "$Prefix/", '-section:system.webServer/handlers') | Out-Null
    } catch {
        throw ("$_. If the section is locked (80070021): appcmd unlock config -section:system.webServer/handlers, " +
            'then this script again, then appcmd lock config -section:system.webServer/handlers')
    }
}

function Get-About {
    $iis = Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\InetStp'
    $system = Get-CimInstance Win32_OperatingSystem
    return [ordered] @{
        system = $system.Caption; build = $system.Version; iis = $iis.VersionString
        powershell = "$($PSVersionTable.PSVersion)"; code_page = [Text.Encoding]::Default.CodePage
        processors = [Environment]::ProcessorCount; time = (Get-Date).ToString('o')
        modules = @(& $Appcmd list module)
        probe = (Get-FileHash -Algorithm SHA256 $Probe).Hash
    }
}

function New-Folder {
    $folder = Join-Path "$env:SystemDrive\" ("$Prefix-" + [Guid]::NewGuid().ToString('N').Substring(0, 8))
    [void] (New-Item -ItemType Directory -Path $folder)
    $made.folder = $folder
    foreach ($name in 'bin', 'site', 'unbuffered', 'logs') {
        [void] (New-Item -ItemType Directory -Path (Join-Path $folder $name))
    }
    foreach ($name in 'site', 'unbuffered') {
        Set-Content -Path (Join-Path $folder "$name\static.txt") -Value 'a file of the site' -Encoding ASCII
    }
    Copy-Item -Path $Probe -Destination (Join-Path $folder 'bin\pyisapie-probe.dll')
    return $folder
}

function Add-Site([string] $Folder, [string] $Dll, [bool] $CanRewrite) {
    Add-Pool $Prefix 'false'
    Add-Variable $Prefix 'PROBE_LOG' (Join-Path $Folder 'logs\pyisapie-probe.log')
    Add-Pool "$Prefix-32" 'true'
    Set-WebConfig (Join-Path $Folder 'site') (Get-Handler $Dll 'preCondition="bitness64" ') $false ''
    Set-WebConfig (Join-Path $Folder 'unbuffered') (Get-Handler $Dll 'responseBufferLimit="0" ') $true ''
    Set-WebConfig (Join-Path $Folder 'bits') (Get-Handler $Dll '') $true ''
    Invoke-Appcmd @('add', 'site', "/name:$Prefix", "/bindings:http/127.0.0.1:${port}:",
        "/physicalPath:$(Join-Path $Folder 'site')") | Out-Null
    $made.site = $true
    Invoke-Appcmd @('set', 'site', "/site.name:$Prefix", "/logFile.directory:$(Join-Path $Folder 'logs')") | Out-Null
    Invoke-Appcmd @('set', 'app', "/app.name:$Prefix/", "/applicationPool:$Prefix") | Out-Null
    Add-App '/unbuffered' (Join-Path $Folder 'unbuffered') $Prefix
    Add-App '/bits' (Join-Path $Folder 'bits') "$Prefix-32"
    if ($CanRewrite) {
        $rule = '<rewrite><rules><rule name="verify"><match url="^from/(.*)" /><action type="Rewrite" url="to/{R:1}" /></rule></rules></rewrite>'
        Set-WebConfig (Join-Path $Folder 'rewritten') (Get-Handler $Dll '') $true $rule
        Add-App '/rewritten' (Join-Path $Folder 'rewritten') $Prefix
    }
}

function Invoke-Icacls([string[]] $Words) {
    $said = & icacls $Words
    if ($LASTEXITCODE -ne 0) {
        throw "icacls $($Words -join ' '): $said"
    }
}

# For administrators and the system; IIS_IUSRS, which all pools are members of; and IUSR, the
# anonymous user. Nobody else may write where worker processes load a DLL from.
function Set-Access([string] $Folder) {
    Invoke-Icacls @($Folder, '/inheritance:r', '/grant', '*S-1-5-32-544:(OI)(CI)F', '*S-1-5-18:(OI)(CI)F',
        '*S-1-5-32-568:(OI)(CI)RX', '*S-1-5-17:(OI)(CI)RX')
    Invoke-Icacls @((Join-Path $Folder 'logs'), '/grant', '*S-1-5-32-568:(OI)(CI)M')
}

function Add-Variable([string] $Pool, [string] $Name, [string] $Value) {
    Invoke-Appcmd @('set', 'config', '-section:system.applicationHost/applicationPools',
        "/+[name='$Pool'].environmentVariables.[name='$Name',value='$Value']", '/commit:apphost') | Out-Null
}

function Add-Tls {
    $certificate = New-SelfSignedCertificate -DnsName 'localhost' -CertStoreLocation 'Cert:\LocalMachine\My' -FriendlyName $Prefix
    $made.certificate = $certificate.Thumbprint
    & netsh http add sslcert "ipport=127.0.0.1:$tlsPort" "certhash=$($certificate.Thumbprint)" "appid=$CertificateApp" 'certstorename=MY' | Out-Null
    if ($LASTEXITCODE -ne 0) {
        throw 'netsh http add sslcert has failed'
    }
    $made.binding = $true
    Invoke-Appcmd @('set', 'site', "/site.name:$Prefix", "/+bindings.[protocol='https',bindingInformation='127.0.0.1:${tlsPort}:']") | Out-Null
    Add-Type -TypeDefinition $WinHttp
}

function Undo-Step([string] $NameOfStep, [scriptblock] $BlockOfStep) {
    try {
        & $BlockOfStep
    } catch {
        Write-Host "Could not be undone, please do it by hand: ${NameOfStep}: $_" -ForegroundColor Red
    }
}

function Remove-All {
    Write-Host 'taking all away again'
    if ($made.site) {
        Undo-Step "the site $Prefix" { Invoke-Appcmd @('delete', 'site', "/site.name:$Prefix") | Out-Null }
    }
    foreach ($pool in $made.pools) {
        Undo-Step "the pool $pool" { Invoke-Appcmd @('delete', 'apppool', "/apppool.name:$pool") | Out-Null }
    }
    foreach ($dll in $made.allowed) {
        Undo-Step "isapiCgiRestriction $dll" { Remove-Allowed $dll }
    }
    if ($made.binding) {
        Undo-Step 'the certificate binding' {
            & netsh http delete sslcert "ipport=127.0.0.1:$tlsPort" | Out-Null
            if ($LASTEXITCODE -ne 0) {
                throw 'netsh http delete sslcert has failed'
            }
        }
    }
    if ($made.certificate) {
        Undo-Step 'the certificate and its key' { Remove-Item -Path "Cert:\LocalMachine\My\$($made.certificate)" -DeleteKey }
        Undo-Step 'the copy of the certificate in LocalMachine\CA' {
            Get-ChildItem -Path Cert:\LocalMachine\CA | Where-Object { $_.Thumbprint -eq $made.certificate } | Remove-Item
        }
    }
    if ($made.folder) {
        Undo-Step "the folder $($made.folder)" { Remove-Folder $made.folder }
    }
}

# Worker processes need a moment to let go of its files.
function Remove-Folder([string] $Folder) {
    for ($i = 0; $i -lt 30; $i++) {
        Remove-Item -Recurse -Force -Path $Folder -ErrorAction SilentlyContinue
        if (-not (Test-Path $Folder)) {
            return
        }
        Start-Sleep -Seconds 1
    }
    throw 'files in it are still in use'
}

function Test-Unlisted {
    Add-Check '4' 'a DLL that is not in the list' { Get-Short (Get-Answer '/?do=ecb&mark=unlisted') }
}

function Test-Unloadable {
    Add-Check '4' 'a 64-bit DLL in a 32-bit pool' { Get-Short (Get-Answer '/bits/?do=ecb&mark=bits') }
    if ($Package) {
        Add-Check '4' 'a DLL whose python3XX.dll is not found' { Get-Short (Get-Answer '/broken/?mark=broken') }
    }
}

function Test-All([string] $Folder, [bool] $CanRewrite, [datetime] $Since) {
    Test-ControlBlock
    Test-Framing
    Test-Paths $CanRewrite
    Test-Flushing
    Test-ExecUrl
    Test-Cancel
    Test-Leaving
    Test-Rest
    Test-Unloadable
    if ($made.certificate) {
        Test-Tls
    }
    if ($Package) {
        Test-Python $Folder
    }
    Test-Life (Join-Path $Folder 'logs')
    Test-Logs $Folder $Since
}

$Probe = (Resolve-Path $Probe).Path
if ($Package) {
    $Package = (Resolve-Path $Package).Path
}
Assert-Ready
$about = Get-About
$since = Get-Date
$port = Get-FreePort
$canRewrite = [bool] ((& $Appcmd list config '-section:system.webServer/globalModules') -match 'RewriteModule')
try {
    $folder = New-Folder
    Set-Access $folder
    $dll = Join-Path $folder 'bin\pyisapie-probe.dll'
    Add-Site $folder $dll $canRewrite
    Assert-Unlocked
    Start-Sleep -Seconds 2
    Test-Unlisted
    if (-not (Confirm-Step "Enter $dll (and with -Package two more in that folder) into the server's list of allowed ISAPI extensions until the end of this script?")) {
        throw 'Nothing more can be found out without that.'
    }
    Add-Allowed $dll
    if ($Package) {
        Add-Python $folder
    }
    if ($Https -and (Confirm-Step 'Make a self-signed certificate and bind it to a free port of 127.0.0.1 until the end of this script?')) {
        $tlsPort = Get-FreePort
        Add-Tls
    }
    Start-Sleep -Seconds 2
    Test-All $folder $canRewrite $since
} finally {
    Remove-All
    Save-Report $about
}
