"""The common part of bench/idle and bench/slow: a simple Campaign server, the servers in front of it, and clients."""
import asyncio
import base64
import hashlib
import os
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from multiprocessing import Process

HTTPS, UPSTREAM = 19543, 19500


def many_descriptors():
    """Raises the limit of open files to the system's maximum."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Stage:
    """A folder with a certificate, and the upstream. Starts servers one after the other."""

    def __init__(self, imsgate):
        self.imsgate = os.path.abspath(imsgate)

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="imsgate-bench-")
        os.chmod(self.folder, 0o755)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", self.path("key.pem"), "-out", self.path("cert.pem"), "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, stderr=subprocess.DEVNULL)
        self.upstream = Process(target=lambda: asyncio.run(upstream()), daemon=True)
        self.upstream.start()
        wait_for(UPSTREAM)
        return self

    def __exit__(self, *_):
        self.upstream.terminate()
        self.upstream.join()
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, who):
        """`imsgate` or `nginx`, with one worker."""
        with open(self.path("config"), "w", encoding="utf-8") as file:
            if who == "imsgate":
                file.write(IMSGATE.format(folder=self.folder, https=HTTPS, upstream=UPSTREAM))
                command = [self.imsgate, "serve", "--config", self.path("config")]
            else:
                file.write(NGINX.format(folder=self.folder, https=HTTPS, upstream=UPSTREAM))
                command = ["nginx", "-c", self.path("config")]
        return Server(command, self.path("log"))


class Server:
    """A running server, ended at the end of its `with` block."""

    port = HTTPS

    def __init__(self, command, log):
        with open(log, "wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

    def __enter__(self):
        wait_for(HTTPS)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def resident(self):
        """Resident memory in kB (VmRSS)."""
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def wait_for(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


# --- Clients

def connect(port, protocol, receive_buffer=None):
    """A TLS connection that speaks this protocol."""
    raw = socket.socket()
    if receive_buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        # The segment size of a real network. With loopback's large segments, the kernel buffers megabytes for each slow reader, until
        # tcp_mem is used up.
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1448)
    raw.connect(("127.0.0.1", port))
    tls = CONTEXTS[protocol].wrap_socket(raw, server_hostname="localhost")
    tls.settimeout(120)
    return tls


class Client:
    """One connection, which can repeat its exchange."""

    def __init__(self, tls, exchange):
        self.tls, self.exchange = tls, exchange

    def again(self):
        self.exchange(self.tls)

    def close(self):
        self.tls.close()


def ask_http1(port):
    client = Client(connect(port, "http/1.1"), get)
    client.again()
    return client


def ask_http2(port):
    tls = connect(port, "h2")
    tls.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, b""))
    streams = iter(range(1, 1 << 31, 2))
    client = Client(tls, lambda tls: stream(tls, next(streams)))
    client.again()
    return client


def ask_websocket(port):
    tls = connect(port, "http/1.1")
    tls.sendall(f"GET /r/socket HTTP/1.1\r\n{BROWSER}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
    head = read_until(tls, b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 "), head
    client = Client(tls, echo)
    client.again()
    return client


def get(tls):
    tls.sendall(f"GET /r/1k HTTP/1.1\r\n{BROWSER}\r\n".encode())
    head, body = read_until(tls, b"\r\n\r\n").split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 "), head
    while len(body) < len(SMALL):
        body += read(tls)


def echo(tls):
    message = b"\x81\x85\0\0\0\0hello"
    tls.sendall(message)
    read_until(tls, b"hello")


def stream(tls, number):
    # HPACK (RFC 7541): :method GET, :scheme https, then :authority, :path and some fields as literals without an index.
    block = b"\x82\x87" + b"\x01" + literal(b"localhost") + b"\x04" + literal(b"/r/1k")
    for name, value in FIELDS:
        block += b"\x00" + literal(name.lower().encode()) + literal(value.encode())
    tls.sendall(frame(HEADERS, END_STREAM | END_HEADERS, number, block))
    buffer = b""
    while True:
        while len(buffer) < 9 or len(buffer) < 9 + int.from_bytes(buffer[:3]):
            buffer += read(tls)
        length, kind, flags, on = int.from_bytes(buffer[:3]), buffer[3], buffer[4], int.from_bytes(buffer[5:9])
        buffer = buffer[9 + length:]
        if kind == SETTINGS and not flags:
            tls.sendall(frame(SETTINGS, 1, 0, b""))
        if on == number and flags & END_STREAM:
            return


def frame(kind, flags, number, payload):
    return len(payload).to_bytes(3) + bytes([kind, flags]) + number.to_bytes(4) + payload


def literal(text):
    # Longer than 126 bytes it takes a second one for the length (RFC 7541 §5.1), up to 254 here.
    return (bytes([len(text)]) if len(text) < 127 else bytes([127, len(text) - 127])) + text


def read_until(tls, end):
    buffer = b""
    while end not in buffer:
        buffer += read(tls)
    return buffer


def read(tls):
    data = tls.recv(65536)
    if not data:
        raise SystemExit("a connection was closed")
    return data


def context(protocol):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    tls.set_alpn_protocols([protocol])
    return tls


CONTEXTS = {protocol: context(protocol) for protocol in ("http/1.1", "h2")}
HEADERS, SETTINGS, END_STREAM, END_HEADERS = 1, 4, 1, 4
FIELDS = [("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
          ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
          ("Accept-Language", "en-GB,en;q=0.7,fr;q=0.3"), ("Accept-Encoding", "gzip, deflate, br, zstd")]
BROWSER = "Host: localhost\r\n" + "".join(f"{name}: {value}\r\n" for name, value in FIELDS)


# --- The upstream

async def upstream():
    """Answers with 1 KB, or with 100 MB for `/r/100m`. Echoes bytes after an Upgrade."""
    many_descriptors()
    with tempfile.TemporaryFile() as large:
        large.truncate(LARGE)
        listener = socket.create_server(("127.0.0.1", UPSTREAM), backlog=4096)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 18)
        server = await asyncio.start_server(lambda *both: serve(*both, large), sock=listener)
        await server.serve_forever()


async def serve(reader, writer, large):
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            if b"\r\nupgrade: websocket" in head.lower():
                key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
                accept = base64.b64encode(hashlib.sha1(key.split(b": ")[1] + WEBSOCKET).digest())
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                             b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
                while data := await reader.read(4096):
                    # The mask of the test's message is zero: its payload is what follows it.
                    writer.write(b"\x81\x05" + data[6:])
            length = LARGE if b"/r/100m" in head else len(SMALL)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % length
            if length == len(SMALL):
                # In one write: a second write would wait for the acknowledgement of the first (Nagle's algorithm).
                writer.write(head + SMALL)
                continue
            writer.write(head)
            # With sendfile: the server in front is measured, not this one.
            await asyncio.get_running_loop().sendfile(writer.transport, large, 0, length)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


SMALL, LARGE = b"x" * 1024, 100 << 20
WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

IMSGATE = """
[ims]
server = "http://127.0.0.1:9"
client_id = "bench"
client_secret = "bench"
scope = "openid read_organizations"
callback_server = "https://localhost:{https}"
organization_id = "0123456789ABCDEF01234567@AdobeOrg"
association_mask = "x"
[campaign]
upstream = "http://127.0.0.1:{upstream}"
hosts = ["localhost"]
[listen]
https = "127.0.0.1:{https}"
certificate = "{folder}/cert.pem"
private_key = "{folder}/key.pem"
workers = 1
[limits]
idle_timeout = "10m"
[session]
store = "memory"
[log]
access_file = "/dev/null"
"""

NGINX = """
worker_processes 1; daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_timeout 600s; keepalive_requests 1000000; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
  upstream campaign {{ server 127.0.0.1:{upstream}; keepalive 128; }}
  server {{
    listen 127.0.0.1:{https} ssl http2 backlog=4096; http2_idle_timeout 600s;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    location / {{
      proxy_pass http://campaign; proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 600s;
      proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    }}
  }}
}}
"""
