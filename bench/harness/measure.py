"""One measurement, and rounds of measurements: each round measures every proxy, so that noise affects all of them."""

import statistics
import sys
from dataclasses import dataclass, field

from . import load, resumption
from .process import cpu_us

SHAPES = load.SHAPES | resumption.SHAPES


@dataclass
class Figures:
    """µs of processor time per request, and requests per second, by shape and proxy; one value per round."""

    cost: dict = field(default_factory=dict)
    rate: dict = field(default_factory=dict)

    def add(self, shape, proxy, cost, rate):
        self.cost.setdefault((shape, proxy), []).append(cost)
        self.rate.setdefault((shape, proxy), []).append(rate)

    def has(self, shape, proxy):
        return (shape, proxy) in self.cost

    def median(self, shape, proxy):
        return statistics.median(self.cost[shape, proxy])

    def ratios(self, shape, one, other):
        """The ratio in each round: both were measured under the same conditions."""
        return [a / b for a, b in zip(self.cost[shape, one], self.cost[shape, other], strict=True)]


def rounds(proxies, shapes, count, seconds, figures, first=0):
    for number in range(first, first + count):
        for shape in shapes:
            # In another order each round, so that the order does not matter.
            for proxy in proxies[number % len(proxies) :] + proxies[: number % len(proxies)]:
                if shape == "1k-h2" and proxy.name == "apache":
                    continue
                cost, rate = once(proxy, SHAPES[shape], seconds)
                figures.add(shape, proxy.name, cost, rate)
                print(f"round {number + 1}: {shape:10} {proxy.name:16} {cost:8.1f} µs {rate:8.0f}/s", file=sys.stderr)


def once(proxy, send, seconds):
    before = cpu_us(proxy.pid)
    count = send(proxy, seconds)
    used = cpu_us(proxy.pid) - before
    return used / count, count / seconds
