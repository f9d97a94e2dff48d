"""The command line: starts all servers, measures in rounds, prints the tables."""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from . import latency, logins, measure, report, stores, tools
from .process import Processes, free_port
from .world import MEMORY, World


def arguments():
    parser = argparse.ArgumentParser(prog="bench/run", description="Measures imsgate beside nginx, Envoy and Apache.")
    parser.add_argument("--install", action="store_true", help="install what is missing")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured (5)")
    parser.add_argument("--seconds", type=int, default=5, help="how long one measurement takes (5)")
    parser.add_argument("--shapes", default=",".join(measure.SHAPES), help="of: %(default)s; or none")
    parser.add_argument("--peers", default="nginx,envoy,apache", help="whom to compare with (%(default)s)")
    parser.add_argument("--latency", action="store_true", help="added latency at half of nginx's own rate")
    parser.add_argument("--sessions", type=int, default=0, metavar="N", help="cost with N sessions in the store")
    parser.add_argument("--logins", type=int, default=0, metavar="N", help="cost of a login, by N of them a round")
    parser.add_argument("--all", action="store_true", help="--latency --logins 500 --sessions 1000000")
    parser.add_argument("--binary", type=Path, default=tools.ROOT / "target/release/imsgate")
    parser.add_argument("--beside", type=Path, help="another build, measured in the same rounds as imsgate-beside")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "imsgate-bench")
    given = parser.parse_args()
    if given.all:
        given.latency, given.sessions, given.logins = True, given.sessions or 1_000_000, given.logins or 500
    return given


def main():
    given = arguments()
    peers = [name for name in given.peers.split(",") if name]
    shapes = [shape for shape in given.shapes.split(",") if shape in measure.SHAPES]
    given.work.mkdir(parents=True, exist_ok=True)
    given.work.chmod(0o755)
    tools.prepare(given.work, peers, given.install)
    if not given.binary.exists():
        sys.exit(f"no program at {given.binary}: cargo build --release --locked")
    with Processes(given.work) as processes:
        world = World(processes, given.work, given.binary)
        names = ["imsgate", *peers, *(["imsgate-beside"] if given.beside else [])]
        signed_in = [name for name in names if not name.startswith("nginx")] + [stores.ONE, stores.FEW, stores.MANY, MEMORY]
        ports = {name: free_port() for name in {*names, *signed_in}}
        world.provider({name: ports[name] for name in signed_in}, logins.people(given.logins, given.rounds))
        proxies = []
        for name in names:
            world.binary = given.beside if name == "imsgate-beside" else given.binary
            proxies.append(world.start(name, ports[name]))
        world.binary = given.binary
        figures = measure.Figures()
        print(report.head(tools.versions(given.work, given.binary), given.rounds, given.seconds), flush=True)
        measure.rounds(proxies, shapes, given.rounds, given.seconds, figures)
        for table in (report.costs, report.ratios, report.resumptions) if shapes else ():
            print(f"\n{table(figures, names)}", flush=True)
        if given.latency:
            print(f"\n{half_load(world, proxies, figures, given)}", flush=True)
        if given.logins:
            print(f"\n{sign_in(world, proxies, ports, figures, given)}", flush=True)
        if given.sessions:
            for proxy in proxies:
                processes.stop(proxy.process)
            resident = stores.compare(world, ports, given.sessions, given.rounds, given.seconds, figures)
            print(f"\n{report.stores(figures, given.sessions, resident)}", flush=True)
    return 0


def sign_in(world, proxies, ports, figures, given):
    """Measures logins at every proxy with sign-in, and at imsgate with sessions in memory."""
    asked = [*(proxy for proxy in proxies if not proxy.name.startswith("nginx")), world.start(MEMORY, ports[MEMORY])]
    questions = logins.Logins(world).rounds(asked, given.logins, given.rounds, figures)
    world.processes.stop(asked[-1].process)
    return report.logins(figures, questions)


def half_load(world, proxies, figures, given):
    """Half of nginx's maximum rate."""
    nginx = next((proxy for proxy in proxies if proxy.name == "nginx"), proxies[0])
    if ("1k-h1", nginx.name) not in figures.rate:
        measure.rounds([nginx], ["1k-h1"], 1, given.seconds, figures)
    rate = statistics.median(figures.rate["1k-h1", nginx.name]) / 2
    backend = f"http://127.0.0.1:{world.values['BACKEND']}"
    asked = [proxy for proxy in proxies if proxy.name not in TOO_SLOW]
    return report.latencies(*latency.rounds(asked, backend, rate, given.rounds, given.seconds))


# These cannot serve half of nginx's rate with one core: the latency would be that of a queue.
TOO_SLOW = {"envoy", "apache"}
