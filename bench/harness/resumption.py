"""New connections with one request each, with or without the ticket of the previous connection (RFC 8446 §2.2)."""

import os
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

from .load import BadAnswers
from .process import LOAD_CORE

AT_ONCE = 8


def connect(proxy, seconds, resume):
    """Opens connections for some seconds and returns their number. Runs on the load's core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {int(LOAD_CORE)})
    try:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return sum(threads.map(lambda _: one_by_one(proxy, seconds, resume), range(AT_ONCE)))
    finally:
        os.sched_setaffinity(0, before)


def one_by_one(proxy, seconds, resume):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = int(proxy.url.rsplit(":", 1)[1])
    request = f"GET /view/1k HTTP/1.1\r\nHost: localhost:{port}\r\nCookie: {proxy.cookie}\r\n\r\n".encode()
    session, count, end = None, 0, time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.create_connection(("127.0.0.1", port)) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as stream:
                stream.sendall(request)
                read_answer(stream)
                if count and stream.session_reused is not resume:
                    raise BadAnswers(f"{proxy.url}: the session was {'not ' if resume else ''}resumed")
                session, count = stream.session if resume else None, count + 1
    return count


def read_answer(stream):
    answer = b""
    while len(answer) < 1024 or len(answer.split(b"\r\n\r\n", 1)[-1]) < 1024:
        piece = stream.recv(16384)
        if not piece:
            break
        answer += piece
    if not answer.startswith(b"HTTP/1.1 200"):
        raise BadAnswers(f"not answered well: {answer[:200]!r}")


SHAPES = {
    "full": lambda proxy, seconds: connect(proxy, seconds, resume=False),
    "resumed": lambda proxy, seconds: connect(proxy, seconds, resume=True),
}
