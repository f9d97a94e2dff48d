"""Two gateways of different versions share Redis under load. packaging/release/mixed starts this.

Each gateway is replaced as in a rolling update: it leaves the rotation and gets SIGTERM, a program of the other version starts at the same
address, and the gateway returns to the rotation. First from old to new, then back. No request may fail, nobody may be signed out, and a
sign-out must take effect at both.
"""

import contextlib
import html
import http.client
import http.cookiejar
import json
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

CONFIG = """
[ims]
server = "http://127.0.0.1:{ims}"
client_id = "Campaign1"
client_secret = "demo-client-secret"
scope = "openid,AdobeID,read_organizations,session,additional_info.projectedProductContext,offline_access"
callback_server = "https://localhost:{public}"
organization_id = "4E3D60F754C8E5D0A4C98A21@AdobeOrg"
association_mask = "Campaign - acme - (.*)"
[campaign]
upstream = "http://127.0.0.1:{campaign}"
[listen]
https = "127.0.0.1:{port}"
workers = 1
certificate = "{folder}/cert.pem"
private_key = "{folder}/key.pem"
hsts = false
drain_timeout = "10s"
[session]
store = "redis"
redis_url = "redis://127.0.0.1:{redis}"
key_file = "{folder}/session.key"
[log]
access_file = "/dev/null"
"""
# The certificate is made for this run.
TLS = ssl._create_unverified_context()
PEOPLE = ["alice", "erin"]
CLIENTS = 6
# The public origin of both gateways: that of gateway a.
PUBLIC = {}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Gateway:
    """One place in the rotation, with a program of some version."""

    def __init__(self, world, name):
        self.world, self.name, self.port, self.process = world, name, world.ports[name], None
        self.config = world.folder / f"{name}.toml"
        values = {**world.ports, "port": self.port, "public": world.ports["a"], "folder": world.folder}
        self.config.write_text(CONFIG.format(**values))
        self.config.chmod(0o600)

    def start(self, program):
        log = (self.world.folder / f"{self.name}.log").open("ab")
        self.process = self.world.start([program, "serve", "--config", self.config], log)
        self.world.wait_for(lambda: ask(self.port, "GET", "/ims/health/sign-in")[0] == 200, self)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=30) != 0:
            sys.exit(f"FAILED: gateway {self.name} did not exit with status 0\n{self.log()}")

    def log(self):
        return (self.world.folder / f"{self.name}.log").read_text()[-4000:]


class World:
    """Redis, the simulators and two gateways."""

    def __init__(self, folder, stack, new):
        self.folder, self.stack = folder, stack
        self.ports = {name: free_port() for name in ("a", "b", "redis", "ims", "campaign")}
        PUBLIC["origin"] = f"https://localhost:{self.ports['a']}"
        (folder / "session.key").write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")
        (folder / "session.key").chmod(0o600)
        pair = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-days", "2", "-subj", "/CN=localhost"]
        names = ["-addext", "subjectAltName=DNS:localhost"]
        new_key = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subprocess.run([*new_key, *pair, *names], check=True, capture_output=True)
        redis = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.ports["redis"]), "--save", "", "--dir", folder]
        self.start(redis, subprocess.DEVNULL)
        simulators = [new, "simulators", "--ims", f"127.0.0.1:{self.ports['ims']}"]
        simulators += ["--campaign", f"127.0.0.1:{self.ports['campaign']}", "--gateway", PUBLIC["origin"]]
        self.start(simulators, subprocess.DEVNULL)
        for name in ("redis", "ims", "campaign"):
            self.wait_for(lambda port=self.ports[name]: not socket.create_connection(("127.0.0.1", port), 1).close())
        self.gateways = {name: Gateway(self, name) for name in ("a", "b")}

    def start(self, command, log):
        process = subprocess.Popen(command, stdout=log, stderr=log)
        self.stack.callback(lambda: (process.kill(), process.wait()))
        return process

    def wait_for(self, happened, gateway=None):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if happened():
                    return
            time.sleep(0.05)
        sys.exit(f"FAILED: nothing answers\n{gateway.log() if gateway else ''}")


def ask(port, method, path, cookie=None):
    """Status and body of a request, as a page of the gateway sends it."""
    connection = http.client.HTTPSConnection("localhost", port, context=TLS, timeout=20)
    headers = {"Accept": "application/json", "Sec-Fetch-Site": "same-origin", "Origin": PUBLIC["origin"]}
    connection.request(method, path, headers={**headers, **({"Cookie": cookie} if cookie else {})})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def sign_in(port, person):
    """Signs a person in at this gateway; returns the cookies. The callback address names gateway a, so redirects to it are sent here."""
    jar = http.cookiejar.CookieJar()

    class Here(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, request, file, code, message, headers, address):
            address = address.replace(PUBLIC["origin"], f"https://localhost:{port}")
            return super().redirect_request(request, file, code, message, headers, address)

    opener = urllib.request.build_opener(
        Here, urllib.request.HTTPCookieProcessor(jar), urllib.request.HTTPSHandler(context=TLS)
    )
    opener.addheaders = [("Accept", "text/html"), ("Sec-Fetch-Mode", "navigate")]
    page = opener.open(f"https://localhost:{port}/view/home")
    text = page.read().decode()
    action = re.search(r'<form[^>]*action="([^"]*)"', text).group(1)
    fields = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]*)"[^>]*value="([^"]*)"', text))
    fields = {name: html.unescape(value) for name, value in fields.items()} | {"username": person}
    page = opener.open(urllib.parse.urljoin(page.url, html.unescape(action)), urllib.parse.urlencode(fields).encode())
    if page.status != 200 or not page.url.endswith("/view/home"):
        sys.exit(f"FAILED: {person} cannot sign in at port {port}: {page.status} {page.url}")
    return "; ".join(f"{one.name}={one.value}" for one in jar if one.domain.startswith("localhost"))


class Load:
    """Clients that send requests to the gateways in rotation, each request with the session of a random person."""

    def __init__(self, ports):
        self.rotation, self.sessions, self.failures, self.answered = dict(ports), [], [], 0
        self.lock, self.going, self.busy = threading.Lock(), True, {name: 0 for name in ports}
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(CLIENTS)]

    def run(self):
        while self.going:
            with self.lock:
                if not self.sessions:
                    continue
                name, port = random.choice(list(self.rotation.items()))
                cookie = random.choice(self.sessions)
                self.busy[name] += 1
            path = random.choice(["/view/home", "/ims/me", "/demo/echo", "/demo/slow/20"])
            try:
                status, body = ask(port, "GET", path, cookie)
                failure = None if status == 200 else f"{name} {path}: {status} {body[:200]}"
            except (OSError, http.client.HTTPException) as error:
                failure = f"{name} {path}: {error!r}"
            with self.lock:
                self.busy[name] -= 1
                self.answered += 1
                self.failures += [failure] if failure else []

    @contextlib.contextmanager
    def without(self, name):
        """Takes a gateway out of rotation, as a load balancer does, and waits for its requests."""
        with self.lock:
            port = self.rotation.pop(name)
        while self.busy[name]:
            time.sleep(0.01)
        yield
        with self.lock:
            self.rotation[name] = port


def main(old, new, seconds):
    if not shutil.which("redis-server"):
        sys.exit("redis-server is not installed")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        world = World(folder, stack, new)
        places = world.gateways
        for place in places.values():
            place.start(old)
        load = Load({name: place.port for name, place in places.items()})
        stack.callback(lambda: setattr(load, "going", False))
        for thread in load.threads:
            thread.start()
        running = {"a": "old", "b": "old"}
        programs = {"old": old, "new": new}
        steps = [None, ("a", "new"), ("b", "new"), ("a", "old"), ("b", "old"), ("a", "new")]
        for step in steps:
            if step:
                name, version = step
                with load.without(name):
                    places[name].stop()
                    places[name].start(programs[version])
                running[name] = version
            phase(world, load, running, seconds)
        load.going = False
        for thread in load.threads:
            thread.join()
        print(f"ok: {load.answered} requests of {len(load.sessions)} sessions, none failed, nobody was signed out")


def phase(world, load, running, seconds):
    """New sessions at each gateway, load on all sessions, and a sign-out that takes effect at both."""
    before = load.answered
    for name, place in world.gateways.items():
        cookie = sign_in(place.port, random.choice(PEOPLE))
        with load.lock:
            load.sessions.append(cookie)
        leaving = sign_in(place.port, random.choice(PEOPLE))
        for other in world.gateways.values():
            if ask(other.port, "GET", "/ims/me", leaving)[0] != 200:
                sys.exit(f"FAILED: a session of gateway {name} ({running}) is unknown at {other.name}\n{other.log()}")
        status, body = ask(place.port, "POST", "/ims/logout", leaving)
        if status not in (200, 303):
            sys.exit(f"FAILED: gateway {name} ({running}) did not sign the person out: {status} {body[:300]}")
        for other in world.gateways.values():
            world.wait_for(lambda port=other.port: ask(port, "GET", "/ims/me", leaving)[0] == 401, other)
    time.sleep(seconds)
    logs = "".join(place.log() for place in world.gateways.values())
    if load.failures:
        sys.exit(f"FAILED: {running}: {len(load.failures)} requests, first {load.failures[:3]}\n{logs}")
    print(f"ok: a {running['a']}, b {running['b']}: {load.answered - before} requests", flush=True)


main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
