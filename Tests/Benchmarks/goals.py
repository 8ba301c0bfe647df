# SPDX-License-Identifier: Apache-2.0
"""What iesfs promises, beside what was measured; told, never asserted: times on a shared machine prove nothing."""

import statistics
from dataclasses import dataclass

from table import amount

#: iesfs without passthrough, which is all there is where the kernel or the rights are missing.
PLAIN = ("iesfs-nopassthrough", "iesfs")
RCLONES = ("rclone", "rclone-new")


@dataclass(frozen=True)
class Ratio:
    """`mine` is at least (or `at_most`) so many times the best of `others`."""

    metric: str
    text: str
    bound: float
    others: tuple
    mine: tuple = ("iesfs",)
    at_most: bool = False

    def judge(self, outcome):
        mine = _present(outcome, self.metric, self.mine)
        others = [other for other in self.others if outcome.figure(self.metric, other)]
        if not mine or not others:
            return None
        # The rival that is hardest to beat, by the median of each.
        choose = min if self.at_most else max
        rival = choose(others, key=lambda other: outcome.figure(self.metric, other))
        ratio = statistics.median(outcome.ratios(self.metric, mine, rival))
        return f"{ratio:.2f} × {rival}", ratio <= self.bound if self.at_most else ratio >= self.bound


@dataclass(frozen=True)
class Amount:
    """`mine` is at least (or `at_most`) the bound, above what `others` have if some are named."""

    metric: str
    text: str
    bound: float
    unit: str
    mine: tuple = ("iesfs",)
    above: str = ""
    at_most: bool = True

    def judge(self, outcome):
        mine = _present(outcome, self.metric, self.mine)
        if not mine or (self.above and not outcome.figure(self.metric, self.above)):
            return None
        figure = outcome.figure(self.metric, mine) - (outcome.figure(self.metric, self.above) if self.above else 0)
        return amount(figure, self.unit), figure <= self.bound if self.at_most else figure >= self.bound


def _present(outcome, metric, names):
    return next((name for name in names if outcome.figure(metric, name)), None)


GOALS = [
    Ratio("warm-disk", "warm, page cache empty: ≥ 0.95 of native", 0.95, ("native",)),
    Ratio("warm-memory", "warm, in the page cache: ≥ 0.95 of native", 0.95, ("native",)),
    Amount("warm-disk", "warm without passthrough, page cache empty: ≥ 1.5 GB/s", 1.5e9, "B/s", PLAIN, at_most=False),
    Ratio("warm-disk", "warm without passthrough, page cache empty: ≥ 2 × the better rclone", 2, RCLONES, PLAIN),
    Ratio("random-4k", "random 4 KiB: ≥ 0.9 of native", 0.9, ("native",)),
    Ratio("random-4k-16", "random 4 KiB, 16 jobs: ≥ 0.9 of native", 0.9, ("native",)),
    Ratio("cold", "cold: ≥ 1.0 × curl -o", 1, ("curl",)),
    Ratio("cold", "cold: ≥ 2 × the better rclone", 2, RCLONES),
    Ratio("cold", "cold: ≥ 8 × httpdirfs", 8, ("httpdirfs",)),
    Ratio("limited", "20 MB/s per connection: ≥ 7 × curl", 7, ("curl",)),
    Ratio("rangeless", "no ranges: ≥ 0.95 × curl -o", 0.95, ("curl",)),
    Amount("first-byte", "first byte: ≤ curl's + 5 ms", 0.005, "s", above="curl-null"),
    Ratio("stat", "stat: ≥ 0.9 of native", 0.9, ("native",)),
    Amount("memory", "peak memory, 16 files at once: ≤ 96 MiB", 96 << 20, "B"),
    Ratio("cpu", "CPU per GiB: ≤ rclone's", 1, RCLONES, at_most=True),
]


def rows(outcomes):
    """The header and one row for each goal whose scenario ran."""
    yield ["goal", "measured", "holds"]
    for goal in GOALS:
        for outcome in outcomes:
            judged = goal.judge(outcome) if any(m.name == goal.metric for m in outcome.scenario.metrics) else None
            if judged:
                yield [goal.text, judged[0], "yes" if judged[1] else "no"]
