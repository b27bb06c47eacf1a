# SPDX-License-Identifier: Apache-2.0
"""./dev bench memory: a million requests of all kinds. Does the memory stay flat?"""

from __future__ import annotations

from bench import wrk
from bench.running import FailedError, Running
from bench.servers import Server
from bench.work import HELLO_APP, Work

ALLOWED_KIB = 1024  # from the most of the first half of the turns to the most of the second
LEAST_TURNS = 6


def measure(server: Server, work: list[Work], requests: int, seconds: int) -> bool:
    """Prints the memory after each turn of all work; whether it stays flat in the second half."""
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
    half = len(sizes) // 2
    grown = max(sizes[half:]) - max(sizes[:half])
    flat = grown <= ALLOWED_KIB
    print(f"  {'flat' if flat else 'NOT FLAT'}: {grown:+} KiB in the second half")
    return flat
