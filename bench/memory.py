# SPDX-License-Identifier: Apache-2.0
"""./dev bench memory: a million requests of all kinds. Does the memory stay flat?"""

from __future__ import annotations

from bench import wrk
from bench.running import FailedError, Running
from bench.servers import Server
from bench.work import HELLO_APP, Work

ALLOWED_KIB = 1024  # of growth after the first turn of all work
LEAST_TURNS = 3


def measure(server: Server, work: list[Work], requests: int, seconds: int) -> bool:
    """Prints the memory after each turn of all work; whether it stays flat after the first."""
    running = Running(server, HELLO_APP)
    done, sizes = 0, []
    try:
        print(f"{server.name}\n  {'requests':>10}{'KiB':>10}")
        print(f"  {done:10}{running.memory().workers:10}")
        while done < requests or len(sizes) < LEAST_TURNS:
            done += sum(wrk.run(running, item, seconds).requests for item in work)
            sizes.append(running.memory().workers)
            print(f"  {done:10}{sizes[-1]:10}", flush=True)
    except FailedError as error:
        print(f"  not counted: {error}")
        return False
    finally:
        running.stop()
    grown = sizes[-1] - sizes[0]
    flat = grown <= ALLOWED_KIB
    print(f"  {'flat' if flat else 'NOT FLAT'}: {grown:+} KiB since the first turn of all work")
    return flat
