# SPDX-License-Identifier: Apache-2.0
"""Our server as a program: sockets, workers, signals, logs, reload."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import process
from harness.client import Client, NoResponse, build
from harness.paths import APPS
from harness.serve import Serve, StartError
from harness.site import mounts, query

Start = Callable[..., Serve]
SOME = mounts(["hello", "process", "slow", "environ_json", "killed", "at_exit", "status_any"])

ADOPT = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def has_ipv6() -> bool:
    """Whether ::1 can be bound here."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


# ---- where it listens


def test_unix_socket(serve: Start, tmp_path: Path) -> None:
    path = str(tmp_path / "s.sock")
    server = serve(SOME, bind=[f"unix:{path}"])
    with Client(path) as client:
        environ = client.get("/environ_json").json()["environ"]
    assert environ.get("REMOTE_ADDR", "") == ""
    assert environ["SERVER_NAME"] == "localhost"
    assert environ["SERVER_PORT"]
    server.stop()
    assert not Path(path).exists(), "the socket's file is removed at the end"


def test_unix_socket_left_by_a_dead_server(serve: Start, tmp_path: Path) -> None:
    path = str(tmp_path / "s.sock")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    serve(SOME, bind=[f"unix:{path}"])
    with Client(path) as client:
        assert client.get("/hello").status == 200


def test_unix_socket_in_use_is_not_taken_over(serve: Start, tmp_path: Path) -> None:
    path = str(tmp_path / "s.sock")
    serve(SOME, bind=[f"unix:{path}"])
    with pytest.raises(StartError, match=r"s\.sock"):
        serve(SOME, bind=[f"unix:{path}"])
    with Client(path) as client:
        assert client.get("/hello").status == 200


def test_a_file_in_the_socket_s_place_is_left_alone(serve: Start, tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    path.write_text("important")
    with pytest.raises(StartError):
        serve(SOME, bind=[f"unix:{path}"])
    assert path.read_text() == "important"


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 on this machine")
def test_ipv6(serve: Start) -> None:
    server = serve(SOME, bind=["[::1]:0"])
    assert server.addresses[0][0] == "::1"
    with server.client() as client:
        environ = client.get("/environ_json").json()["environ"]
    assert environ["REMOTE_ADDR"] == "::1"


def test_several_binds(serve: Start, tmp_path: Path) -> None:
    binds = ["127.0.0.1:0", f"unix:{tmp_path / 's.sock'}", "127.0.0.2:0"]
    server = serve(SOME, bind=binds, listeners=3)
    for address in server.addresses:
        with Client(address) as client:
            assert client.get("/hello").status == 200
    ports = [address[1] for address in server.addresses if not isinstance(address, str)]
    assert len(set(ports)) == 2
    assert all(int(port) > 0 for port in ports)


def test_inherited_socket(serve: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd, port = listener.fileno(), listener.getsockname()[1]
        server = serve(SOME, bind=[f"fd:{fd}"], pass_fds=[fd])
        with Client(("127.0.0.1", port)) as client:
            assert client.get("/hello").status == 200
        server.stop()


def test_systemd_activation(serve: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd, port = listener.fileno(), listener.getsockname()[1]
        before = [sys.executable, "-c", ADOPT, str(fd)]
        server = serve(SOME, before=before, pass_fds=[fd], bind=[])
        with Client(("127.0.0.1", port)) as client:
            environ = client.get("/environ_json").json()["environ"]
            assert environ["SERVER_PORT"] == str(port)
        server.stop()


def test_port_in_use(serve: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=rf"127\.0\.0\.1:{port}.*in use"):
            serve(SOME, bind=[f"127.0.0.1:{port}"])


# ---- workers


def pids(server: Serve, tries: int = 60) -> set[int]:
    """The processes that answer."""
    found = set()
    for _ in range(tries):
        with server.client() as client:
            found.add(client.get("/process").json()["pid"])
    return found


def wait_for_workers(server: Serve, count: int) -> list[int]:
    """The workers, once all are ready."""
    process.eventually(
        lambda: len(re.findall(r"worker \d+ is ready", server.log.text())) >= count,
        f"{count} workers are ready",
    )
    return server.workers()


def test_workers_share_the_requests(serve: Start) -> None:
    server = serve(SOME, "--workers", "2")
    workers = set(wait_for_workers(server, 2))
    process.eventually(lambda: pids(server, 20) == workers, "both workers answer")
    assert server.pid not in workers


def test_multiprocess_is_told(serve: Start) -> None:
    server = serve(SOME, "--workers", "2")
    with server.client() as client:
        assert client.get("/environ_json").json()["environ"]["wsgi.multiprocess"] is True


def test_a_worker_that_is_killed_is_replaced(serve: Start) -> None:
    server = serve(SOME, "--workers", "2")
    before = wait_for_workers(server, 2)
    since = server.log.mark()
    os.kill(before[0], signal.SIGKILL)
    server.log.wait(rf"worker {before[0]} .*(signal 9|killed)", since)
    server.log.wait(r"worker \d+ is ready", since)
    process.eventually(lambda: len(server.workers()) == 2, "there are two workers")
    assert before[1] in server.workers()
    assert pids(server, 10) <= set(server.workers())


def test_a_worker_that_kills_itself_costs_one_request(serve: Start) -> None:
    server = serve(SOME)
    with server.client() as client, pytest.raises((NoResponse, ConnectionError)):
        client.get("/killed")
    with server.client() as client:
        assert client.get("/hello").status == 200


def test_workers_that_die_at_once_are_held_back(serve: Start, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "dies.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    try:
        server = serve("dies:app", root=root)
    except StartError as error:
        assert "signal 9" in str(error) or "killed" in str(error)
        return
    time.sleep(3)
    deaths = re.findall(r"worker \d+ .*(?:signal 9|killed)", server.log.text())
    assert 1 <= len(deaths) <= 8, "with back-off there are only a few in three seconds"
    server.signal(signal.SIGTERM)
    server.wait(10)


# ---- signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_running_requests_end_before_it_stops(serve: Start, number: signal.Signals) -> None:
    server = serve(SOME)
    with server.client() as running, server.client() as idle:
        assert idle.get("/hello").status == 200
        running.start("GET", "/slow?seconds=1")
        time.sleep(0.2)
        server.signal(number)
        begin = time.monotonic()
        assert idle.is_closed(0.6), "idle connections end at once"
        response = running.response()
        assert response.body == b"slept"
        assert running.is_closed()
        assert server.wait() == 0
        assert time.monotonic() - begin < 3
    with pytest.raises(ConnectionRefusedError):
        server.client()


def test_requests_that_do_not_end_are_given_up(serve: Start) -> None:
    server = serve(SOME, "--shutdown-timeout", "0.5")
    with server.client() as client:
        client.start("GET", "/slow?seconds=30")
        time.sleep(0.2)
        begin = time.monotonic()
        server.signal(signal.SIGTERM)
        server.wait(10)
        assert time.monotonic() - begin < 8
        with pytest.raises((NoResponse, ConnectionError)):
            client.response()


def test_atexit_runs(serve: Start, tmp_path: Path) -> None:
    server = serve(SOME)
    noted = tmp_path / "noted"
    with server.client() as client:
        client.get("/at_exit" + query(file=noted))
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert noted.read_text() == "ended in order"


def test_nothing_is_left_behind(serve: Start) -> None:
    server = serve(SOME, "--workers", "2")
    everything = process.tree(server.pid)
    wait_for_workers(server, 2)
    everything = process.tree(server.pid)
    server.signal(signal.SIGTERM)
    server.wait()
    process.eventually(lambda: not any(map(process.is_alive, everything)), "all have ended", 5)


def test_workers_end_with_a_killed_supervisor(serve: Start) -> None:
    server = serve(SOME)
    workers = wait_for_workers(server, 1)
    server.signal(signal.SIGKILL)
    server.wait()
    process.eventually(lambda: not any(map(process.is_alive, workers)), "the worker has ended")


def test_sighup_replaces_the_workers(serve: Start, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    text = "def app(e, s):\n    s('200 OK', [])\n    return [b'%s']\n"
    (root / "changes.py").write_text(text % "one")
    server = serve("changes:app", root=root)
    before = server.workers()
    with server.client() as client:
        assert client.get("/").body == b"one"
    (root / "changes.py").write_text(text % "other")
    server.signal(signal.SIGHUP)
    begin = time.monotonic()
    seen = {b"one"}
    while time.monotonic() - begin < 10 and b"other" not in seen:
        with server.client() as client:
            seen.add(client.get("/").body)  # no request may fail meanwhile
    assert b"other" in seen
    process.eventually(lambda: not set(before) & set(server.workers()), "the old ones are gone")


def test_sighup_keeps_the_old_worker_when_the_new_one_cannot_load(
    serve: Start, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    text = "def app(e, s):\n    s('200 OK', [])\n    return [b'one']\n"
    (root / "changes.py").write_text(text)
    server = serve("changes:app", root=root)
    server.log.wait("is ready")
    before = server.workers()
    (root / "changes.py").write_text("oops\n")
    server.signal(signal.SIGHUP)
    server.log.wait(f"the old worker {before[0]} stays")
    process.eventually(lambda: server.workers() == before, "the new one goes")
    with server.client() as client:
        assert client.get("/").body == b"one"
    (root / "changes.py").write_text(text.replace("one", "two"))
    server.signal(signal.SIGHUP)
    process.eventually(lambda: server.client().get("/").body == b"two", "a mended one comes")


def test_sighup_lets_running_requests_end(serve: Start) -> None:
    server = serve(SOME)
    with server.client() as client:
        client.start("GET", "/slow?seconds=1")
        time.sleep(0.2)
        server.signal(signal.SIGHUP)
        assert client.response().body == b"slept"


@pytest.mark.parametrize("limit", ["1", "0"])
def test_it_stops_in_an_import_that_does_not_end(serve: Start, tmp_path: Path, limit: str) -> None:
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(600)\n")
    server = serve("hangs:app", "--shutdown-timeout", limit, root=tmp_path)
    process.eventually(lambda: server.workers() != [server.pid], "the worker has started")
    time.sleep(0.5)
    begin = time.monotonic()
    server.signal(signal.SIGTERM)
    server.wait(10)
    assert time.monotonic() - begin < 8


def test_processes_of_the_application_can_be_ended(serve: Start, tmp_path: Path) -> None:
    """No signal is blocked in what it starts."""
    (tmp_path / "starts.py").write_text(
        "import subprocess\n"
        "def app(e, s):\n"
        "    with subprocess.Popen(['sleep', '60']) as child:\n"
        "        child.terminate()\n"
        "        code = child.wait(5)\n"
        "    s('200 OK', [])\n"
        "    return [str(code).encode()]\n"
    )
    server = serve("starts:app", root=tmp_path)
    clients = [server.client() for _ in range(3)]  # in place, and on threads of the pool
    for client in clients:
        client.start("GET", "/")
    assert [client.response().body for client in clients] == [b"-15"] * 3
    for client in clients:
        client.close()


# ---- development


def test_reload(serve: Start, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    text = "def app(e, s):\n    s('200 OK', [])\n    return [b'%s']\n"
    module = root / "changes.py"
    module.write_text(text % "one")
    server = serve("changes:app", "--reload", root=root)

    def answer() -> bytes:
        with server.client() as client:
            return client.get("/").body

    assert answer() == b"one"
    module.write_text(text % "other")
    process.eventually(lambda: answer() == b"other", "the change is there", 5)
    module.write_text("def app(:\n")
    process.eventually(lambda: b"syntax error" in answer(), "the mistake is shown", 5)
    module.write_text(text % "third")
    process.eventually(lambda: answer() == b"third", "the repair is there", 5)


def test_hand_over_on_a_busy_machine(serve: Start) -> None:
    """The loop is handed over while the request that had it ends: it must not get lost."""
    server = serve(mounts(["busy", "body_huge", "hello"]))
    server.log.wait("is ready", timeout=30)
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]
    try:
        with server.client() as client:
            for number in range(300):
                assert client.get(f"/busy?seconds={0.001 + number % 5 * 0.0005}").status == 200
        with server.client() as slow:
            slow.start("GET", "/body_huge?mib=512")
            slow.start_response()
            for _ in range(3):
                with server.client(5) as client:
                    assert client.get("/hello").status == 200
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def test_root_is_first_on_the_path(serve: Start, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "hello.py").write_text("def app(e, s):\n    s('200 OK', [])\n    return [b'mine']\n")
    server = serve("hello:app", root=root, env={"PYTHONPATH": str(APPS)})
    with server.client() as client:
        assert client.get("/").body == b"mine"


def test_requests_are_served_at_the_same_time(serve: Start) -> None:
    server = serve("together:app", "--threads", "4")
    clients = [server.client() for _ in range(4)]
    for client in clients:
        client.send(build("GET", "/" + query(name="all", n=4)))
    assert [client.response().body for client in clients] == [b"together"] * 4
    for client in clients:
        client.close()


def test_one_thread_is_one_at_a_time(serve: Start) -> None:
    server = serve(mounts(["together", "environ_json"]), "--threads", "1")
    clients = [server.client() for _ in range(3)]
    for client in clients:
        client.send(build("GET", "/together" + query(name="two", n=2, timeout=0.3)))
    assert [client.response().status for client in clients] == [503] * 3
    for client in clients:
        client.close()
    with server.client() as client:
        assert client.get("/environ_json").json()["environ"]["wsgi.multithread"] is False


def test_fast_requests_beside_slow_ones(serve: Start) -> None:
    server = serve(mounts(["slow", "busy", "hello"]), "--threads", "8")
    slow = [server.client() for _ in range(3)]
    for number, client in enumerate(slow):
        client.start("GET", "/busy?seconds=4" if number == 0 else "/slow?seconds=4")
    with server.client() as client:
        for _ in range(30):
            assert client.get("/hello").status == 200
    answered, _, _ = select.select([client.socket for client in slow], [], [], 0)
    assert not answered, "the fast ones have waited for slow ones"
    for client in slow:
        assert client.response().status == 200
        client.close()


def test_answers_of_a_batch_do_not_wait_for_a_slow_one(serve: Start) -> None:
    """Requests that are read together are answered together, unless one of them lasts."""
    server = serve(mounts(["slow", "hello"]), "--threads", "4")
    fast = [server.client() for _ in range(20)]
    slow = server.client()
    for _ in range(3):
        begin = time.monotonic()
        for client in fast[:10]:
            client.start("GET", "/hello")
        slow.start("GET", "/slow?seconds=2")
        for client in fast[10:]:
            client.start("GET", "/hello")
        assert [client.response().status for client in fast] == [200] * 20
        assert time.monotonic() - begin < 1.5, "the slow one takes two seconds"
        assert slow.response().status == 200
    for client in [*fast, slow]:
        client.close()
