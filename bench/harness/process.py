"""Starts processes on a fixed core, ends them by their id, and reads their processor time."""

import os
import socket
import subprocess
import time

from .tools import which

PROXY_CORE, LOAD_CORE = "0", "1"


def free_port():
    """A free port. Another program may take it, so ask for it shortly before use."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Processes:
    """All started processes. As a context manager, it ends all of them."""

    def __init__(self, folder):
        self.folder, self.running = folder, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            self.stop(process)

    def start(self, name, core, command, **options):
        """Starts a command on a core. Its output goes to `name`.log."""
        log = open(self.folder / f"{name}.log", "wb")
        options = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL} | options
        process = subprocess.Popen([which("taskset"), "-c", core, *map(str, command)], **options)
        self.running.append(process)
        return process

    def stop(self, process):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.running:
            self.running.remove(process)


def wait_for(port, process, seconds=30):
    """Waits until a program listens on the port."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"ended at once: {process.args}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nobody listens on {port}: {process.args}")


def cpu_us(pid):
    """Processor time of a process and its children so far, in µs."""
    ticks = 0
    for each in [pid, *children(pid)]:
        fields = stat(each)
        if fields:
            # utime, stime, and those of children that have ended.
            ticks += sum(int(fields[i]) for i in (11, 12, 13, 14))
    return ticks * 1_000_000 // os.sysconf("SC_CLK_TCK")


def children(pid):
    found = []
    for other in filter(str.isdigit, os.listdir("/proc")):
        fields = stat(other)
        if fields and int(fields[1]) == pid:
            found += [int(other), *children(int(other))]
    return found


def stat(pid):
    """The fields of /proc/PID/stat after the name."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
