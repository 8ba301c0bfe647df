# SPDX-License-Identifier: Apache-2.0
"""Rounds in which the contenders take turns, and what comes out of them."""

import statistics
from dataclasses import dataclass, field

from commands import Trouble


@dataclass
class Outcome:
    """All figures of one scenario."""

    scenario: object
    #: By metric and contender: one figure a round, in the order of the rounds.
    figures: dict = field(default_factory=dict)
    #: By contender: why it has none.
    troubles: dict = field(default_factory=dict)

    def figure(self, metric, contender):
        """The median, or None."""
        figures = self.figures.get((metric, contender))
        return statistics.median(figures) if figures else None

    def ratios(self, metric, contender, base):
        """The contender by the base, round by round: what slows a round slows both."""
        return [
            one / other
            for one, other in zip(self.figures.get((metric, contender), []), self.figures.get((metric, base), []))]

    def base(self, metric):
        """The first of the metric's bases that took part, or None."""
        return next((name for name in metric.base if self.figures.get((metric.name, name))), None)


def measure(scenario, contenders, rounds, lab, tell):
    """Runs one more round than asked for, A B C A B C, and drops the first, which warms and checks.

    A contender in trouble takes no further part in this scenario.
    """
    outcome = Outcome(scenario)
    able = [one for one in contenders if one.kind in scenario.kinds and not one.missing]
    for number in range(1 + min(rounds, scenario.most_rounds)):
        for contender in able:
            if contender.name in outcome.troubles:
                continue
            tell(f"{scenario.name}: round {number}, {contender.name}")
            try:
                figures = scenario.run(lab, contender, first=number == 0)
            except Trouble as trouble:
                outcome.troubles[contender.name] = str(trouble)
                continue
            for metric, figure in figures.items():
                outcome.figures.setdefault((metric, contender.name), []).append(figure)
    return outcome
