# SPDX-License-Identifier: Apache-2.0
"""How Python runs: the modes main, isolated and free-threaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import process, windows
from harness.serve import Serve
from harness.site import mounts

Start = Callable[..., Serve]
SOME = mounts(
    ["hello", "interpreter", "slow", "busy", "together", "at_exit", "context", "holds_gil"]
)

CAN_ISOLATE = sys.version_info >= (3, 14)
HAS_GIL = not sysconfig.get_config_var("Py_GIL_DISABLED")
isolated = pytest.mark.skipif(not CAN_ISOLATE, reason="isolated needs Python 3.14")
free_threaded = pytest.mark.skipif(HAS_GIL, reason="free-threaded needs a Python without GIL")
PARALLEL = [
    pytest.param("isolated", marks=isolated),
    pytest.param("free-threaded", marks=free_threaded),
]
MODES = ["main", *PARALLEL]


def facts(server: Serve, target: str = "/interpreter") -> dict[str, Any]:
    """What the application says, on a connection of its own."""
    with server.client() as client:
        return dict(client.get(target).json())


# ---- what each mode is


def test_main_is_one_interpreter(serve: Start) -> None:
    server = serve(SOME, "--mode", "main")
    assert {facts(server)["interpreter"] for _ in range(4)} == {0}
    assert not facts(server)["multiprocess"]


@isolated
def test_isolated_has_a_crash_log(serve: Start, tmp_path: Path) -> None:
    log = tmp_path / "crash.log"
    server = serve(
        SOME, "--mode", "isolated", "--parallel", "2", "--crash-log", windows.native(log)
    )
    assert facts(server)["interpreter"]
    assert log.is_file()


@isolated
def test_isolated_is_several_interpreters_with_modules_of_their_own(serve: Start) -> None:
    server = serve(SOME, "--mode", "isolated", "--parallel", "3")
    clients = [server.client() for _ in range(3)]  # a loop for each
    found = [client.get("/interpreter").json() for client in clients]
    found += [client.get("/interpreter").json() for client in clients]
    assert len({f["interpreter"] for f in found}) == 3
    assert 0 not in {f["interpreter"] for f in found}, "none is the main one"
    assert [f["seen"] for f in found] == [1, 1, 1, 2, 2, 2]
    assert all(f["multiprocess"] for f in found)
    for client in clients:
        client.close()


@free_threaded
def test_free_threaded_runs_without_the_gil(serve: Start) -> None:
    server = serve(SOME, "--mode", "free-threaded", "--parallel", "2")
    clients = [server.client() for _ in range(2)]
    found = [client.get("/interpreter").json() for client in clients]
    assert {f["interpreter"] for f in found} == {0}
    assert len({f["thread"] for f in found}) == 2, "two loops"
    assert not any(f["gil"] for f in found)
    for client in clients:
        client.close()


# ---- what is the same in all


@pytest.mark.parametrize("mode", MODES)
def test_threads_of_the_application_make_progress(serve: Start, mode: str) -> None:
    """While the server is idle, and while it is busy."""
    server = serve(SOME, "--mode", mode, "--parallel", "1")
    before = facts(server)["background"]
    time.sleep(0.3)
    idle = facts(server)["background"]
    assert idle > before + 10
    stop = threading.Event()

    def load() -> None:
        with server.client() as client:
            while not stop.is_set():
                assert client.get("/busy?seconds=0.02").status == 200

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    busy = facts(server)["background"]
    stop.set()
    for thread in threads:
        thread.join()
    assert busy > idle + 10


@pytest.mark.parametrize("mode", MODES)
def test_slow_requests_run_together(serve: Start, mode: str) -> None:
    server = serve(SOME, "--mode", mode, "--parallel", "1")
    clients = [server.client() for _ in range(8)]
    for client in clients:
        client.start("GET", "/together?name=a&n=8")
    assert [client.response().body for client in clients] == [b"together"] * 8
    for client in clients:
        client.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_blocked_application_answers_503_beyond_the_queue(serve: Start, mode: str) -> None:
    server = serve(SOME, "--mode", mode, "--parallel", "1", "--threads", "2", "--queue", "3")
    clients = [server.client() for _ in range(12)]
    for client in clients:
        client.start("GET", "/slow?seconds=1")
        time.sleep(0.02)
    statuses = [client.response().status for client in clients]
    assert statuses.count(200) == 5
    assert statuses.count(503) == 7
    for client in clients:
        client.close()
    assert facts(server)["seen"] >= 1, "it goes on"


@pytest.mark.parametrize("mode", MODES)
def test_each_request_has_a_fresh_context(serve: Start, mode: str) -> None:
    server = serve(SOME, "--mode", mode, "--parallel", "1")
    with server.client() as client:
        assert {client.get("/context").json() for _ in range(5)} == {"unset"}


@pytest.mark.parametrize("mode", MODES)
def test_atexit_runs_in_each_interpreter(serve: Start, tmp_path: Path, mode: str) -> None:
    server = serve(SOME, "--mode", mode, "--parallel", "2")
    files = [tmp_path / f"end-{i}" for i in range(2)]
    clients = [server.client() for _ in files]
    for client, file in zip(clients, files, strict=True):
        assert client.get(f"/at_exit?file={file}").status == 200
    for client in clients:
        client.close()
    assert server.stop() == 0
    assert [file.read_text() for file in files] == ["ended in order"] * 2


@pytest.mark.parametrize("mode", MODES)
def test_an_ended_server_leaves_no_word(serve: Start, mode: str) -> None:
    server = serve(SOME, "--mode", mode, "--parallel", "2")
    facts(server)
    assert server.stop() == 0
    text = server.log.text()
    assert "Warning" not in text
    assert "Traceback" not in text


# ---- several loops in one process


@isolated
def test_connections_are_shared_out(serve: Start) -> None:
    server = serve(SOME, "--mode", "isolated", "--parallel", "2")
    clients = [server.client() for _ in range(6)]
    found = [client.get("/interpreter").json()["interpreter"] for client in clients]
    assert sorted(found.count(i) for i in set(found)) == [3, 3]
    for client in clients:
        client.close()


@pytest.mark.parametrize("mode", PARALLEL)
def test_the_limit_of_connections_holds_for_all_loops(serve: Start, mode: str) -> None:
    server = serve(SOME, "--mode", mode, "--parallel", "2", "--connections", "3")
    clients = [server.client() for _ in range(3)]
    for client in clients:
        assert client.get("/hello").status == 200
    late = server.client()
    late.start("GET", "/hello")
    with pytest.raises(TimeoutError):
        late.socket.settimeout(0.5)
        late.socket.recv(1)
    late.socket.settimeout(15)
    clients[1].close()
    assert late.response().status == 200
    for client in [late, clients[0], clients[2]]:
        client.close()


@pytest.mark.parametrize("mode", PARALLEL)
def test_running_requests_end_on_every_loop(serve: Start, mode: str) -> None:
    server = serve(SOME, "--mode", mode, "--parallel", "2")
    server.log.wait("is ready")
    clients = [server.client() for _ in range(4)]
    for client in clients:
        client.start("GET", "/slow?seconds=0.7")
    time.sleep(0.2)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    assert [client.response().status for client in clients] == [200] * 4
    stopping.join()


@pytest.mark.parametrize("mode", PARALLEL)
def test_python_runs_at_the_same_time(serve: Start, mode: str) -> None:
    """What holds a GIL holds up nobody else."""
    server = serve(SOME, "--mode", mode, "--parallel", "2")
    clients = [server.client(60) for _ in range(2)]
    for client in clients:
        client.start("GET", "/holds_gil")
    times = [client.response().json() for client in clients]
    assert max(began for began, _ in times) < min(ended for _, ended in times)
    for client in clients:
        client.close()


# ---- where it cannot be


@pytest.mark.skipif(CAN_ISOLATE, reason="this Python can")
def test_isolated_needs_a_newer_python(serve: Start) -> None:
    server = serve(SOME, "--mode", "isolated")
    with server.client() as client:
        text = client.get("/hello").text
    assert "needs Python 3.14 or newer" in text
    assert f"This is Python {sys.version_info.major}.{sys.version_info.minor}" in text


@pytest.mark.skipif(not HAS_GIL, reason="this Python has none")
def test_free_threaded_needs_a_python_without_gil(serve: Start) -> None:
    server = serve(SOME, "--mode", "free-threaded")
    with server.client() as client:
        text = client.get("/hello").text
    assert "needs a Python without GIL" in text


SINGLE = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "_single"};
PyMODINIT_FUNC PyInit__single(void) { return PyModule_Create(&definition); }
"""


def build_single(folder: Path) -> None:
    """An extension module as they were made for decades: for one interpreter, with a GIL."""
    source = folder / "single.c"
    source.write_text(SINGLE)
    include = sysconfig.get_paths()["include"]
    target = folder / ("_single" + sysconfig.get_config_var("EXT_SUFFIX"))
    command = ["gcc", "-shared", "-fPIC", f"-I{include}", "-o", target, source]
    subprocess.run(command, check=True)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        pytest.param("isolated", "cannot be used in mode isolated", marks=isolated),
        pytest.param("free-threaded", "has brought the GIL back", marks=free_threaded),
    ],
)
def test_a_module_that_cannot_do_it_is_named(
    serve: Start, tmp_path: Path, mode: str, words: str
) -> None:
    build_single(tmp_path)
    (tmp_path / "site_single.py").write_text("import _single\napp = print\n")
    server = serve("site_single:app", "--mode", mode, root=tmp_path)
    for _ in range(2):
        with server.client() as client:
            text = client.get("/").text
        assert "_single" in text
        assert words in text
        time.sleep(1.1)  # the next request tries again


# ---- signals


def test_signal_handlers_of_the_application_run(serve: Start, tmp_path: Path) -> None:
    """On the main thread, which is the one that loads the application."""
    (tmp_path / "site_signals.py").write_text(SIGNALS)
    server = serve("site_signals:app", "--mode", "main", root=tmp_path)
    server.log.wait("is ready")
    with server.client() as client:
        assert client.get("/").json() == ["loaded on MainThread"]
    os.kill(server.workers()[0], signal.SIGUSR1)
    process.eventually(lambda: "SIGUSR1 on MainThread" in server.client().get("/").json(), "it ran")
    assert server.stop() == 0


SIGNALS = """
import json, signal, threading
notes = ["loaded on " + threading.current_thread().name]

def handle(number, frame):
    notes.append(signal.Signals(number).name + " on " + threading.current_thread().name)

signal.signal(signal.SIGUSR1, handle)

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(notes).encode()]
"""
