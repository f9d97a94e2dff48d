"""How much later an answer comes through a proxy than from the backend itself, at a load that leaves room."""

from . import load

CONNECTIONS = 32
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def spread(url, cookie, rate, seconds, log):
    """Latencies in µs at `rate` requests a second, whatever the answers take."""
    log.unlink(missing_ok=True)
    extra = ["--h1", f"--rps={max(1, round(rate / CONNECTIONS))}", f"--log-file={log}"]
    load.h2load(url, cookie, seconds, CONNECTIONS, 1, extra)
    # A line: start in µs, status, duration in µs.
    times = sorted(int(line.split()[2]) for line in log.read_text().splitlines())
    return {name: times[min(len(times) - 1, int(len(times) * share))] for name, share in QUANTILES.items()}
