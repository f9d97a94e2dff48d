"""The cost of a request with many sessions in the store and in use, compared with one session.

Three gateways: one whose store has one session, one with few, one with many. Two loads, sent by the same script over the same
number of different requests: all of one session, or of thousands of sessions in turn. So what more sessions in the *store* cost
can be told from what more sessions in *use* cost, and the load generator does the same work for all.
"""

import subprocess
import sys
import time
from pathlib import Path

from . import load, measure
from .tools import ROOT

ONE, FEW, MANY = "imsgate-one", "imsgate-few", "imsgate-many"
IN_TURN = 5000  # half of what the gateway keeps ready
# A tenth of them lives for two hours only, and is left alone.
ENOUGH = IN_TURN * 10 // 9 + 1
# Those of the file live for twelve hours.
FRESH = 6 * 3600
SCRIPT = Path(__file__).resolve().parents[1] / "peers/cookies.lua"


def fill(folder, sessions):
    """A store with this many sessions, made by examples/session_store, and reused by later runs."""
    done = folder / f"filled-{sessions}"
    if not done.exists() or time.time() - done.stat().st_mtime > FRESH:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        command = ["cargo", "run", "-q", "--locked", "--release", "--example", "session_store", "--"]
        subprocess.run([*command, "fill", folder, str(sessions)], cwd=ROOT, check=True, stdout=sys.stderr)
        done.touch()
    return folder


class Crowd:
    """A gateway with a store, and its loads."""

    def __init__(self, world, name, port, sessions=None):
        folder = fill(world.work / f"store-{name}", sessions) if sessions else None
        self.proxy = world.start(name, port, folder)
        self.files = {"one-of": world.work / f"{name}.one"}
        write(self.files["one-of"], [self.proxy.cookie] * IN_TURN)
        if sessions:
            with open(folder / "cookies") as file:
                known = [f"__Host-imsgate={line.strip()}" for line, _ in zip(file, range(IN_TURN))]
            self.files["turn"] = world.work / f"{name}.turn"
            write(self.files["turn"], known)

    def send(self, shape, seconds):
        return load.wrk(f"{self.proxy.url}/view/1k", None, seconds, 64, script=SCRIPT, environment={"COOKIES": self.files[shape]})

    def each_once(self, shape):
        """Uses every session once, so that each is cached and its use is written to the store. The write happens once per minute and
        session, and would be overrepresented in a measurement of a few seconds."""
        sent = 0
        while sent < 2 * IN_TURN:
            sent += self.send(shape, 1)


def write(path, cookies):
    """Writes a different line for each request, even for the same session."""
    path.write_text("".join(f"{cookie}; n={number:06}\n" for number, cookie in enumerate(cookies)))


def compare(world, ports, sessions, rounds, seconds, figures):
    """Measures all loads. Returns kB of resident memory by gateway, at the end."""
    one = Crowd(world, ONE, ports[ONE])
    few = Crowd(world, FEW, ports[FEW], ENOUGH)
    many = Crowd(world, MANY, ports[MANY], max(sessions, ENOUGH))
    crowds = {crowd.proxy: crowd for crowd in (one, few, many)}

    def shape(name):
        return lambda proxy, seconds: crowds[proxy].send(name, seconds)

    measure.SHAPES |= {name: shape(name) for name in ("one-of", "turn")}
    for number in range(rounds):
        for name, pair in (("one-of", [one, many]), ("turn", [few, many])):
            for crowd in pair[:: -1 if number % 2 else 1]:
                crowd.each_once(name)
                measure.rounds([crowd.proxy], [name], 1, seconds, figures, first=number)
    return {crowd.proxy.name: crowd.proxy.resident() for crowd in crowds.values()}
