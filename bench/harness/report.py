"""What was measured, as Markdown, beside what it should be."""

import datetime
import os
import platform
import statistics

from .load import TITLES

# At most so many times a peer's cost.
TARGETS = {
    ("1k-h1", "nginx"): 0.90,
    ("1k-h1", "envoy"): 0.20,
    ("1k-h1", "apache"): 0.13,
    ("1k-h2", "nginx"): 0.90,
    ("1k-h2", "envoy"): 0.20,
    ("100k", "nginx"): 0.65,
    ("100k", "envoy"): 0.40,
    ("100k", "apache"): 0.45,
    ("handshake", "nginx"): 0.55,
    ("handshake", "envoy"): 0.60,
    ("handshake", "apache"): 0.40,
    ("resumed", "nginx"): 1.00,
}


def head(versions, rounds, seconds):
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "?")
    when = datetime.date.today().isoformat()
    lines = [f"{when}, {processor}, {os.cpu_count()} cores, Linux {'.'.join(platform.release().split('.')[:2])}, {rounds} rounds of {seconds} s"]
    return "\n".join([*lines, "", *(f"- {version}" for version in versions)])


def costs(figures, names):
    lines = ["| µs of proxy CPU a request, median | " + " | ".join(names) + " |"]
    lines.append("|---|" + "---|" * len(names))
    for shape, title in TITLES.items():
        if figures.has(shape, "imsgate"):
            cells = [f"{figures.median(shape, name):.1f}" if figures.has(shape, name) else "–" for name in names]
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ratios(figures, names):
    lines = ["| imsgate × | of | median | rounds | target | |", "|---|---|---|---|---|---|"]
    for shape, title in TITLES.items():
        for peer in names[1:]:
            if not (figures.has(shape, "imsgate") and figures.has(shape, peer)):
                continue
            values = figures.ratios(shape, "imsgate", peer)
            median, target = statistics.median(values), TARGETS.get((shape, peer))
            verdict = "" if target is None else "met" if median <= target else "**missed**"
            span = f"{min(values):.2f}–{max(values):.2f}"
            target = "–" if target is None else f"{target:.2f}"
            lines.append(f"| {title} | {peer} | {median:.2f} | {span} | {target} | {verdict} |")
    return "\n".join(lines)


def resumptions(figures, names):
    lines = ["| connections a second of proxy CPU | full | resumed |", "|---|---|---|"]
    for name in names:
        if figures.has("resumed", name) and figures.has("full", name):
            per_second = [1e6 / figures.median(shape, name) for shape in ("full", "resumed")]
            lines.append(f"| {name} | {per_second[0]:.0f} | {per_second[1]:.0f} |")
    return "\n".join(lines)


def latencies(spreads, rate):
    """`spreads` is a list of rounds, each by name; what the backend itself takes is taken off in its own round."""
    lines = [f"| added latency in µs at {rate:.0f} requests a second, median of rounds | p50 | p99 | p99.9 |", "|---|---|---|---|"]
    for name in (name for name in spreads[0] if name != "backend"):
        cells = [statistics.median(r[name][q] - r["backend"][q] for r in spreads) for q in ("p50", "p99", "p99.9")]
        lines.append(f"| {name} | " + " | ".join(f"{cell:.0f}" for cell in cells) + " |")
    return "\n".join(lines)


def stores(figures, sessions, one, many):
    against = statistics.median(figures.ratios("1k-h1", many, one))
    apart = statistics.median(figures.ratios("spread", many, one))
    return "\n".join(
        [
            f"| 1 KB, HTTP/1.1: {sessions} sessions in the store, beside one | × | target |",
            "|---|---|---|",
            f"| requests of one session | {against:.2f} | 1.10 |",
            f"| requests of 5,000 sessions in turn, beside as many of one | {apart:.2f} | 1.10 |",
        ]
    )
