"""The servers of a measurement: the backend, the provider, and the proxies, each with a signed-in session."""

import json
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import tools
from .login import login
from .process import LOAD_CORE, PROXY_CORE, free_port, wait_for

PEERS = Path(__file__).resolve().parents[1] / "peers"
# The gateway that keeps its sessions in memory.
MEMORY = "imsgate-memory"
# An nginx that adds as many header bytes as imsgate: identity, assertion, request id, trace.
FILLED, IDENTITY = "nginx-filled", 890
CALLBACKS = {"imsgate": "/ims/callback", "envoy": "/callback", "apache": "/callback"}


@dataclass(eq=False)
class Proxy:
    """A proxy under measurement."""

    name: str
    url: str
    process: subprocess.Popen
    cookie: str = "none=1"

    @property
    def pid(self):
        return self.process.pid

    def resident(self):
        """Resident memory in kB (VmRSS)."""
        with open(f"/proc/{self.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


class World:
    """The backend and the provider. Starts proxies in front of the backend, and signs in at the provider."""

    def __init__(self, processes, work, binary):
        self.processes, self.work, self.binary = processes, work, binary
        self.values = {"DIR": work, "BACKEND": free_port(), "RANDOM": secrets.token_hex(16)}
        self.values["APACHE_MODULES"] = tools.apache_modules()
        self.files()
        backend = processes.start("backend", LOAD_CORE, [tools.which("nginx"), "-c", self.written("backend.conf", {})])
        wait_for(self.values["BACKEND"], backend)

    def files(self):
        for folder in ("www/view", "tmp", "apache"):
            (self.work / folder).mkdir(parents=True, exist_ok=True)
        (self.work / "www/view/1k").write_bytes(secrets.token_bytes(1024))
        (self.work / "www/view/100k").write_bytes(secrets.token_bytes(102400))
        if not (self.work / "cert.pem").exists():
            key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.work / "key.pem"]
            names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
            command = [tools.which("openssl"), "req", "-x509", *key, "-out", self.work / "cert.pem", "-days", "30", *names]
            subprocess.run(command, check=True, capture_output=True)

    def provider(self, ports, people=0):
        """Starts the provider with the redirect URIs of these proxies, and with this many people."""
        addresses = [f"https://localhost:{port}{CALLBACKS[name.split('-')[0]]}" for name, port in ports.items()]
        command = ["node", PEERS.parent / "provider.mjs", people, *addresses]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.ims = self.processes.start("provider", LOAD_CORE, command, **pipes)
        client = json.loads(self.ims.stdout.readline())
        self.values |= {"IMS": client["url"], "IMS_PORT": client["url"].rsplit(":", 1)[1]}
        self.values |= {"CLIENT_ID": client["clientId"], "CLIENT_SECRET": client["clientSecret"]}

    def asked(self):
        """The requests to the provider since the last call, with their counts."""
        self.ims.stdin.write(b"\n")
        self.ims.stdin.flush()
        return json.loads(self.ims.stdout.readline())

    def start(self, name, port, store=None):
        """Starts a proxy and signs in to it. `store` is the folder of the gateway's sessions."""
        kind = name.split("-")[0]
        values = {"PORT": port, "NAME": name, "STORE": store or self.work / name, "ADMIN": free_port()}
        values["KIND"] = "memory" if name == MEMORY else "embedded"
        Path(values["STORE"]).mkdir(exist_ok=True)
        process = self.processes.start(name, PROXY_CORE, getattr(self, kind)(values))
        wait_for(port, process)
        proxy = Proxy(name, f"https://localhost:{port}", process)
        if kind in CALLBACKS:
            proxy.cookie = login(f"{proxy.url}/view/home", self.values["IMS"])
        return proxy

    def nginx(self, values):
        fill = f'proxy_set_header X-Fill "{"x" * IDENTITY}";' if values["NAME"] == FILLED else ""
        return [tools.which("nginx"), "-c", self.written("nginx.conf", values | {"FILL": fill}, values["NAME"] + ".conf")]

    def imsgate(self, values):
        return [self.binary, "serve", "--config", self.written("imsgate.toml", values, values["NAME"] + ".toml")]

    def envoy(self, values):
        return [tools.envoy(self.work), "-c", self.written("envoy.yaml", values), "--concurrency", "1", "-l", "error"]

    def apache(self, values):
        return [tools.which("apache2"), "-f", self.written("apache.conf", values), "-DFOREGROUND"]

    def written(self, template, values, name=None):
        text = (PEERS / template).read_text()
        for key, value in (self.values | values).items():
            text = text.replace(f"@{key}@", str(value))
        path = self.work / (name or template)
        path.write_text(text)
        return path
