"""Load: each function sends requests for some seconds and returns the number of good responses."""

import os
import re
import subprocess

from .process import LOAD_CORE
from .tools import which

ACCEPT = "Accept: text/html"


class BadAnswers(RuntimeError):
    """A response had another status than 200, so the measurement is void."""


def wrk(url, cookie, seconds, connections, headers=(), script=None, environment=None):
    """Without `cookie`, the script sets it, from its own environment variables."""
    headers = [*([f"Cookie: {cookie}"] if cookie else []), ACCEPT, *headers]
    extra = [argument for header in headers for argument in ("-H", header)]
    if script:
        extra += ["-s", str(script)]
    text = run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *extra, url], environment)
    if "Non-2xx" in text:
        raise BadAnswers(f"{url}\n{text}")
    return int(re.search(r"(\d+) requests in", text).group(1))


def h2load(url, cookie, seconds, connections, streams, extra=()):
    arguments = ["-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}", "-H", f"Cookie: {cookie}", "-H", ACCEPT]
    text = run(["h2load", *arguments, *extra, url])
    counts = re.search(r"(\d+) succeeded, (\d+) failed", text)
    statuses = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    if any(int(number) for number in statuses.groups()[1:]) or int(statuses.group(1)) == 0:
        raise BadAnswers(f"{url}\n{text}")
    return int(counts.group(1))


def run(command, environment=None):
    command = [which("taskset"), "-c", LOAD_CORE, which(command[0]), *command[1:]]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | (environment or {}))
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


SHAPES = {
    "1k-h1": lambda proxy, seconds: wrk(f"{proxy.url}/view/1k", proxy.cookie, seconds, 64),
    "1k-h2": lambda proxy, seconds: h2load(f"{proxy.url}/view/1k", proxy.cookie, seconds, 16, 20),
    "100k": lambda proxy, seconds: wrk(f"{proxy.url}/view/100k", proxy.cookie, seconds, 32),
    "handshake": lambda proxy, seconds: wrk(f"{proxy.url}/view/1k", proxy.cookie, seconds, 32, ["Connection: close"]),
}
TITLES = {
    "1k-h1": "1 KB, HTTP/1.1, 64 connections kept",
    "1k-h2": "1 KB, HTTP/2, 16 connections × 20 streams",
    "100k": "100 KB, HTTP/1.1, 32 connections kept",
    "handshake": "new TLS connection + 1 KB",
    "full": "new TLS connection + 1 KB, 8 at a time",
    "resumed": "resumed TLS connection + 1 KB, 8 at a time",
}
