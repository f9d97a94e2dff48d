"""The latency that a proxy adds to a response of the backend, at a load below saturation.

wrk keeps the proxy busy over connections with random pauses, so that requests neither come in bursts nor wait for each other. At the
same time, probes are sent at fixed times, independent of responses (an open loop): alternately through the proxy and directly to the
backend, so that both are measured under the same conditions. A probe that is late because the last response was late counts from its
scheduled time.
"""

import os
import random
import socket
import ssl
import statistics
import sys
import time
from multiprocessing import Pipe, Process
from pathlib import Path

from . import load
from .process import LOAD_CORE
from .resumption import read_answer

CONNECTIONS = 128
PROBES = 400  # a second
SCRIPT = Path(__file__).resolve().parents[1] / "peers/paced.lua"
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def rounds(proxies, backend, rate, count, seconds):
    """The probes of all rounds, by proxy: (µs through it, µs direct), and the requests per second of the load."""
    probes = {proxy.name: ([], []) for proxy in proxies}
    beside = {proxy.name: [] for proxy in proxies}
    for number in range(count):
        for proxy in proxies[number % len(proxies) :] + proxies[: number % len(proxies)]:
            found, sent = once(proxy, backend, rate, seconds)
            for all_of_them, new in zip(probes[proxy.name], found, strict=True):
                all_of_them.extend(new)
            beside[proxy.name].append(sent)
            added = statistics.median(found[0]) - statistics.median(found[1])
            print(f"round {number + 1}: latency    {proxy.name:16} {added:8.0f} µs {sent:8.0f}/s", file=sys.stderr)
    return probes, beside


def once(proxy, backend, rate, seconds):
    ours, theirs = Pipe()
    process = Process(target=probe, args=(theirs, proxy, backend, seconds), daemon=True)
    process.start()
    # The time of a response and the resolution of wrk's clock (1 ms) are part of the time between two requests.
    pause = max(0.5, 1000 * CONNECTIONS / rate - 1)
    seconds += 1
    count = load.wrk(f"{proxy.url}/view/1k", proxy.cookie, seconds, CONNECTIONS, script=SCRIPT, environment={"PAUSE": str(pause)})
    found = ours.recv()
    process.join()
    return found, count / seconds


def probe(pipe, proxy, backend, seconds):
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    try:
        # Higher priority than the load generator on the same core: the probe must measure the proxy's queue, not that core's.
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        print("latency: not allowed to go first; the figures have the load generator's own queue in them", file=sys.stderr)
    ways = [connect(proxy.url, proxy.cookie), connect(backend, "none=1")]
    for way in ways * 3:
        ask(*way)
    time.sleep(0.5)
    found, due = ([], []), time.perf_counter()
    end, turn = due + seconds, 0
    while due < end:
        due += random.expovariate(PROBES)
        time.sleep(max(0.0, due - time.perf_counter() - LATE))
        while time.perf_counter() < due:
            pass
        ask(*ways[turn])
        found[turn].append((time.perf_counter() - due) * 1e6)
        turn = 1 - turn
    pipe.send(found)


def connect(url, cookie):
    port = int(url.rsplit(":", 1)[1])
    stream = socket.create_connection(("127.0.0.1", port), 10)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if url.startswith("https:"):
        stream = ssl._create_unverified_context().wrap_socket(stream, server_hostname="localhost")
    request = f"GET /view/1k HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {cookie}\r\nAccept: text/html\r\n\r\n"
    return stream, request.encode()


def ask(stream, request):
    stream.sendall(request)
    read_answer(stream)


def quantile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


# How late a sleep may end, in seconds. The remaining time is spent in a busy loop.
LATE = 0.0002
