"""What a request costs with many sessions in the store, beside one."""

import os
import subprocess
import sys
from pathlib import Path

from . import load, measure
from .tools import ROOT

ONE, MANY = "imsgate-one", "imsgate-many"
IN_TURN = 5000  # half of what the gateway keeps ready
SCRIPT = Path(__file__).resolve().parents[1] / "peers/cookies.lua"


def fill(folder, sessions):
    """A store with so many sessions, made by the example that knows how; kept for the next time."""
    done = folder / f"filled-{sessions}"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        command = ["cargo", "run", "-q", "--locked", "--release", "--example", "session_store", "--"]
        subprocess.run([*command, "fill", folder, str(sessions)], cwd=ROOT, check=True, stdout=sys.stderr)
        done.touch()
    return folder


def compare(world, ports, sessions, rounds, seconds, figures):
    """Two gateways in turn, one with its own session only, one with `sessions` more."""
    full = fill(world.work / "store", sessions)
    one, many = world.start(ONE, ports[ONE]), world.start(MANY, ports[MANY], full)
    with open(full / "cookies") as file:
        known = [f"__Host-imsgate={line.strip()}" for line, _ in zip(file, range(10 * IN_TURN))]
    # A tenth of them lives for two hours only.
    cookies = {ONE: [one.cookie] * IN_TURN, MANY: [c for i, c in enumerate(known) if i % 10][:IN_TURN]}
    for name, lines in cookies.items():
        (world.work / f"{name}.cookies").write_text("\n".join(lines) + "\n")

    def spread(proxy, seconds):
        os.environ["COOKIES"] = str(world.work / f"{proxy.name}.cookies")
        return load.wrk(f"{proxy.url}/view/1k", proxy.cookie, seconds, 64, script=SCRIPT)

    for proxy in (one, many):
        spread(proxy, 2)  # every session once, from the store
    measure.SHAPES["spread"] = spread
    measure.rounds([one, many], ["1k-h1", "spread"], rounds, seconds, figures)
