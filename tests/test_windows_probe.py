# SPDX-License-Identifier: Apache-2.0
"""The probe for a real IIS (tools/probe), in our host: each of its paths tells what it is to tell.

What is expected here is what our host does as IIS; what IIS does is what the probe is for.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import process, windows
from harness.client import Client, NoResponse, Response, build, chunk
from harness.paths import REPO
from harness.serve import Serve
from harness.site import IIS, Site, query

pytestmark = pytest.mark.skipif(not windows.NAME, reason="the probe is for Windows")

PROBE = windows.FOLDER / "tools" / "probe" / "pyisapie-probe.dll"
NOT_SUPPORTED = 50
NOT_FOUND = 1168
ABORTED = 995  # ERROR_OPERATION_ABORTED
GONE = 64  # ERROR_NETNAME_DELETED


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    folder = tmp_path_factory.mktemp("probe")
    (folder / "page.txt").write_bytes(b"a file of the site\n")
    args = ["--quirks", "iis", "--door", windows.path(PROBE), "--root", windows.path(folder)]
    env = {"PROBE_LOG": windows.path(folder / "probe.log")}
    with Serve(folder, "", *args, root=None, env=env) as serve:
        yield serve


@pytest.fixture
def probe(server: Serve) -> Site:
    return server.site(IIS)


def _ask(site: Site, what: str, path: str = "/", **options: object) -> Response:
    return site.get(path + query(do=what, **{k: str(v) for k, v in options.items()}))


def _json(site: Site, what: str, path: str = "/", **options: object) -> Any:
    found = _ask(site, what, path, **options).json()
    assert found["stuck"] is False
    return found


def _calls(found: Any) -> dict[str, Any]:
    """By name; of several of one name the last."""
    return {call["call"]: call for call in found["calls"]}


def _result(site: Site, name: str) -> Any:
    """What a request has left that could not answer."""
    found: dict[str, Any] = {}

    def has_come() -> bool:
        found.update(_json(site, "results", name=name)["results"])
        return name in found

    process.eventually(has_come, f"the result {name}", 20)
    assert found[name]["stuck"] is False
    return found[name]


# ---- what comes ----


def test_control_block(probe: Site) -> None:
    found = _json(probe, "ecb", "/some/path")
    assert found["cbSize"] == found["sizeof"] == 192
    assert found["dwVersion"] == 8 << 16
    assert found["lpszMethod"]["text"] == "GET"
    assert found["lpszQueryString"]["text"] == "do=ecb"
    assert found["lpszPathInfo"]["text"] == "/some/path"
    assert found["lpszContentType"] == {"n": 0, "text": "", "hex": ""}
    assert found["cbTotalBytes"] == found["cbAvailable"] == 0
    assert _calls(found)["IO_COMPLETION"]["ok"] is True
    assert found["stack"] > 0


def test_without_a_question_it_tells_the_control_block(probe: Site) -> None:
    assert probe.get("/").json()["do"] == "ecb"
    assert _json(probe, "nonsense")["unknown"] is True


def test_variables(probe: Site) -> None:
    found = _json(probe, "variables", "/gr%C3%BC%C3%9Fe%2Fx")
    assert found["HTTP_URL"]["ansi"]["value"]["text"].startswith("/gr%C3%BC%C3%9Fe%2Fx?do=")
    path = bytes.fromhex(found["PATH_INFO"]["unicode"]["value"]["hex"]).decode("utf-16-le")
    assert path == "/grüße/x\0"
    assert found["PATH_INFO"]["unicode"]["size"] == len(path) * 2
    assert found["NO_SUCH_VARIABLE"]["ansi"] == {"ok": False, "error": 1413, "size": 256 * 1024}


def test_one_variable(probe: Site) -> None:
    found = _json(probe, "variables", name="HTTPS,SERVER_SOFTWARE")
    assert found["HTTPS"]["ansi"]["value"]["text"] == "off\0"
    assert set(found) == {"do", "stuck", "HTTPS", "SERVER_SOFTWARE"}


def test_sizes_of_buffers(probe: Site) -> None:
    calls = _json(probe, "sizes", name="SERVER_PROTOCOL")["calls"]
    assert [call["given"] for call in calls] == [0, 1, 2, 16, 256 * 1024]
    assert [call["error"] for call in calls] == [122, 122, 122, 0, 0]
    assert all(call["size"] == len("HTTP/1.1\0") for call in calls)
    assert all(call["kept_within"] for call in calls)


def test_token(probe: Site) -> None:
    found = _json(probe, "token")
    assert _calls(found)["GET_IMPERSONATION_TOKEN"]["ok"] is True
    assert found["user"] == found["process"] != ""
    assert found["thread"] == ""


def test_log(probe: Site) -> None:
    assert _calls(_json(probe, "log", text="probe=7"))["APPEND_LOG_PARAMETER"]["ok"] is True


def test_cbt(probe: Site) -> None:
    calls = _json(probe, "cbt")["calls"]
    assert [(call["ok"], call["error"]) for call in calls] == [(False, NOT_SUPPORTED)] * 3
    assert all(call["pointed"]["n"] == 0 for call in calls)


def test_functions(probe: Site, server: Serve) -> None:
    calls = _calls(_json(probe, "functions", url="/x/../gr\u00fc%20y"))
    folder = windows.path(server.folder)

    def wide(name: str) -> str:
        return bytes.fromhex(calls[name]["value"]["hex"]).decode("utf-16-le")

    assert calls["MAP_URL_TO_PATH"]["value"]["text"] == rf"{folder}\gr?%20y"
    assert calls["MAP_URL_TO_PATH_EX"]["of_path"] == len(rf"{folder}\gr?%20y")
    assert wide("MAP_UNICODE_URL_TO_PATH") == f"{folder}\\gr\u00fc%20y"
    assert wide("MAP_UNICODE_URL_TO_PATH_EX") == f"{folder}\\gr\u00fc%20y"
    assert bytes.fromhex(calls["NORMALIZE_URL"]["value"]["hex"]) == "/gr\u00fc y".encode()
    assert calls["GET_CERT_INFO_EX"]["error"] == NOT_FOUND
    assert calls["IS_IN_PROCESS"]["value"]["hex"] == "00000000"
    assert calls["GET_TRACE_INFO"]["value"]["hex"].startswith("00000000")
    assert calls["GET_CACHE_INVALIDATION_CALLBACK"]["ok"] is True
    assert calls["GET_SSPI_INFO"]["error"] == NOT_SUPPORTED


@pytest.mark.parametrize("pend", [0, 1])
def test_hold(probe: Site, pend: int) -> None:
    began = time.monotonic()
    assert _json(probe, "hold", pend=pend, **{"for": 200})["most_inside"] >= 1
    assert time.monotonic() - began >= 0.2


# ---- what goes ----

BODY = b"aaaaaaaaaabbbbbbbbbbcccccccccc"


@pytest.mark.parametrize("framing", ["chunked", "length"])
@pytest.mark.parametrize(
    "way", [{}, {"async": 1}, {"via": "write"}, {"head": "alone"}, {"flush": 1}]
)
def test_send(probe: Site, framing: str, way: dict[str, object]) -> None:
    response = _ask(probe, "send", id="send", framing=framing, **way)
    assert response.complete
    assert response.body == BODY
    assert response.framing == framing
    assert all(call["ok"] for call in _result(probe, "send")["calls"])


def test_send_until_the_end(probe: Site) -> None:
    response = _ask(probe, "send", framing="none", head="alone")
    assert (response.framing, response.body) == ("close", BODY)


def test_send_a_head_alone_and_nothing_else(probe: Site) -> None:
    response = _ask(probe, "send", framing="length", head="alone", parts=0)
    assert (response.status, response.header("Content-Length"), response.body) == (200, "0", b"")


def test_parts_arrive_apart_with_the_flush_flag(probe: Site) -> None:
    with probe.client() as client:
        client.start("GET", "/" + query(do="send", flush="1", wait="300"))
        began = time.monotonic()
        parts = [time.monotonic() - began for _ in client.parts(client.start_response())]
    assert parts[-1] - parts[0] > 0.3


def test_send_an_error_page(probe: Site) -> None:
    mine = _ask(probe, "send", status="404 Not Found")
    assert (mine.status, mine.body) == (404, BODY)
    theirs = _ask(probe, "send", status="404 Not Found", skip=0, parts=1)
    assert theirs.status == 404
    assert b"server's own" in theirs.body


@pytest.mark.parametrize("end", ["close", "abort"])
def test_break_off(probe: Site, end: str) -> None:
    response = _ask(probe, "send", id=end, end=end, last=0, outcome=4)
    assert not response.complete
    name = {"close": "CLOSE_CONNECTION", "abort": "ABORTIVE_CLOSE"}[end]
    assert _calls(_result(probe, end))[name]["ok"] is True


def test_return_without_the_last_chunk(probe: Site) -> None:
    assert not _ask(probe, "send", end="return", last=0, outcome=4).complete


@pytest.mark.parametrize("via", ["vector", "transmit"])
@pytest.mark.parametrize("flag", [0, 1])
def test_file(probe: Site, via: str, flag: int) -> None:
    response = _ask(probe, "file", id="file", via=via, overlapped=flag, size=500, **{"async": flag})
    assert response.body == PROBE.read_bytes()[:500]
    assert all(call["ok"] for call in _result(probe, "file")["calls"])


def test_exec_url(probe: Site) -> None:
    response = _ask(probe, "exec", id="exec", url="/page.txt")
    assert response.body == b"a file of the site\n"
    found = _result(probe, "exec")
    assert found["recursion"] is False
    assert _calls(found)["GET_EXEC_URL_STATUS"]["status"] == 200


def test_results(probe: Site) -> None:
    for count in (1, 2):
        _ask(probe, "hold", id="kept", **{"for": count})
    found = _ask(probe, "results").body
    assert found.count(b'"kept":') == 1


def test_exec_url_of_nothing(probe: Site) -> None:
    assert _ask(probe, "exec", id="none", url="/none.txt").status == 404
    assert _calls(_result(probe, "none"))["GET_EXEC_URL_STATUS"]["status"] == 404


# ---- bodies ----


@pytest.mark.parametrize("way", [{}, {"async": 1}])
@pytest.mark.parametrize("size", [10, 200_000])
def test_read(probe: Site, way: dict[str, object], size: int) -> None:
    target = "/" + query(do="read", piece="10000", **{k: str(v) for k, v in way.items()})
    found = probe.post(target, bytes(size)).json()
    assert found["cbTotalBytes"] == size
    assert _calls(found)["end"]["total"] == size


def test_read_chunks(probe: Site) -> None:
    fields = [("Transfer-Encoding", "chunked")]
    body = chunk(b"x" * 5000) + chunk(b"")
    found = probe.post("/" + query(do="read"), body, fields).json()
    assert found["cbTotalBytes"] == 0xFFFFFFFF
    assert _calls(found)["end"]["total"] == 5000


def _begin(client: Client, **options: str) -> None:
    fields = [("Content-Length", "100000")]
    client.send(build("POST", "/" + query(**options), fields, host="localhost") + b"begin")


@pytest.mark.parametrize("mode", ["0", "1"])
def test_read_from_a_client_that_goes(probe: Site, mode: str) -> None:
    with probe.client() as client:
        _begin(client, do="read", id=f"gone-{mode}", **{"async": mode})
        time.sleep(0.3)
        client.reset()
    calls = _result(probe, f"gone-{mode}")["calls"]
    assert calls[-1]["total"] == 5
    last = calls[-2]
    assert last["ok"] is False or last["io_error"] == GONE


def test_is_connected(probe: Site) -> None:
    found = _json(probe, "connected", **{"for": 300})
    assert found["calls"][0]["connected"] is True
    with probe.client() as client:
        client.start("GET", "/" + query(do="connected", id="left"))
        time.sleep(0.3)
        client.reset()
    call = _result(probe, "left")["calls"][0]
    assert call["connected"] is False
    assert call["us"] < 5_000_000


def test_cancel(probe: Site) -> None:
    with probe.client() as client:
        _begin(client, do="cancel", id="cancel")
        found = _result(probe, "cancel")
    calls = found["calls"]
    names = [call["call"] for call in calls]
    assert names == ["IO_COMPLETION", "ASYNC_READ_CLIENT", "CANCEL_IO", "wait"]
    assert calls[2]["ok"] is True
    assert (calls[3]["completed"], calls[3]["io_error"]) == (True, ABORTED)


# ---- the script ----


def test_the_script_asks_what_the_probe_knows() -> None:
    script = (REPO / "tools" / "verify-on-iis.ps1").read_text()
    source = (REPO / "tools" / "probe" / "probe.c").read_text()
    asked = set(re.findall(r"[?&]do=(\w+)", script))
    assert asked == set(re.findall(r'\{"(\w+)", \w+, (?:true|false)\}', source))


def test_what_windows_powershell_reads_otherwise() -> None:
    script = (REPO / "tools" / "verify-on-iis.ps1").read_bytes()
    assert script.isascii()  # without a mark it takes a file for ANSI
    assert not re.findall(rb"\$(?!env:)\w+:", script)  # in a text: the variable of a drive


def test_the_application_of_the_script(tmp_path: Path) -> None:
    script = (REPO / "tools" / "verify-on-iis.ps1").read_text()
    source = script.split("$Application = @'\n")[1].split("\n'@")[0]
    (tmp_path / "verify_app.py").write_text(source)
    (tmp_path / "static.txt").write_bytes(b"a file of the site")
    (tmp_path / "pyisapie.toml").write_text('app = "verify_app:app"\n')
    folders = f"/={windows.native(tmp_path)}"
    args = ["--quirks", "iis", "--applications", folders]
    with Serve(tmp_path / "serve", "", *args, root=None) as serve:
        site = serve.site(IIS)
        told = site.get("/some/path").json()
        assert told["environ"]["PATH_INFO"] == "/some/path"
        assert told["token"] is True
        assert told["user"] == told["whoami"]
        assert site.post("/upload", bytes(300000)).body == b"300000 bytes"
        assert site.get("/nothing").status == 204
        assert site.get("/slowly").body == b"part 0\npart 1\npart 2\n"
        assert site.get("/static.txt").body == b"a file of the site"


# ---- the life of the DLL ----


def _events(log: Path, pid: int) -> list[str]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line["what"] for line in lines if line["pid"] == pid]


def _process(site: Site) -> int:
    try:
        return int(_json(site, "ecb")["pid"])
    except NoResponse:  # from the one that is going
        return 0


def test_life(tmp_path: Path) -> None:
    """From the first request to a recycle because it says that it is unhealthy."""
    log = tmp_path / "probe.log"
    args = ["--quirks", "iis", "--door", windows.path(PROBE), "--workers", "2"]
    with Serve(tmp_path, "", *args, root=None, env={"PROBE_LOG": windows.path(log)}) as serve:
        site = serve.site(IIS)
        before = _process(site)
        assert _events(log, before) == ["attach", "GetExtensionVersion"]
        found = _json(site, "unhealthy")
        pid = found["pid"]
        assert _calls(found)["REPORT_UNHEALTHY"]["ok"] is True
        process.eventually(lambda: "process ends" in _events(log, pid), "the process ends", 20)
        assert _events(log, pid)[2:] == ["TerminateExtension", "requests inside", "process ends"]
        process.eventually(lambda: _process(site) not in (0, pid), "another process", 20)
