"""The measurements as Markdown tables, with their limits."""

import datetime
import os
import platform
import statistics

from . import latency
from .load import TITLES

# Limits: imsgate's cost as a multiple of a peer's.
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


def latencies(probes, beside):
    """`probes`: µs through each proxy, and directly to the backend at the same time; `beside`: the requests per second of the load."""
    quantiles = latency.QUANTILES
    lines = ["| latency in µs | " + " | ".join(f"{q}, added" for q in quantiles) + " | " + " | ".join(quantiles)]
    lines[0] += " | the backend's own | probes | beside them |"
    lines.append("|---|" + "---|" * (2 * len(quantiles) + 3))
    for name, (through, straight) in probes.items():
        both = [[latency.quantile(times, share) for share in quantiles.values()] for times in (through, straight)]
        cells = [*(f"{a - b:.0f}" for a, b in zip(*both, strict=True)), *(f"{a:.0f}" for a in both[0])]
        cells += [" / ".join(f"{b:.0f}" for b in both[1]), str(len(through)), f"{statistics.median(beside[name]):.0f}/s"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def logins(figures, questions):
    """`questions`: each proxy's requests to the provider per login."""
    lines = ["| a login | µs of proxy CPU, median | rounds | imsgate × | logins a second of proxy CPU | questions to the provider |"]
    lines.append("|---|---|---|---|---|---|")
    for name, asked in questions.items():
        costs, median = figures.cost["login", name], figures.median("login", name)
        ratio = statistics.median(figures.ratios("login", "imsgate", name))
        asked = ", ".join(f"{times:.2g} {what.rsplit('/ims/')[-1]}" for what, times in sorted(asked.items()))
        lines.append(f"| {name} | {median:.0f} | {min(costs):.0f}–{max(costs):.0f} | {ratio:.2f} | {1e6 / median:.0f} | {asked} |")
    return "\n".join(lines)


def stores(figures, sessions, resident):
    """`resident`: kB of the gateways with one session, with few, and with many."""
    one, few, many = resident
    rows = [
        ("requests of one session: many in the store, beside one", ("one-of", many), ("one-of", one), 1.10),
        ("requests of 5,000 sessions in turn: many in the store, beside hardly more than those", ("turn", many), ("turn", few), 1.10),
        ("many in the store and 5,000 in use, beside one", ("turn", many), ("one-of", one), 1.10),
        ("few in the store and 5,000 in use, beside one", ("turn", few), ("one-of", one), None),
    ]
    lines = [f"| 1 KB, HTTP/1.1; {sessions} sessions are many | µs | × | rounds | target | |", "|---|---|---|---|---|---|"]
    for title, left, right, target in rows:
        values = [a / b for a, b in zip(figures.cost[left], figures.cost[right], strict=True)]
        ratio, span = statistics.median(values), f"{min(values):.2f}–{max(values):.2f}"
        verdict = "– |" if target is None else f"{target:.2f} | {'met' if ratio <= target else '**missed**'}"
        costs = f"{figures.median(*left):.1f} / {figures.median(*right):.1f}"
        lines.append(f"| {title} | {costs} | {ratio:.2f} | {span} | {verdict} |")
    sizes = ", ".join(f"{kilobytes / 1024:.0f} MB ({name})" for name, kilobytes in resident.items())
    return "\n".join([*lines, "", f"Resident memory of these gateways afterwards: {sizes}"])
