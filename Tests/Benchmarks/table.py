# SPDX-License-Identifier: Apache-2.0
"""The table of ratios, for a terminal and for README.md."""

import statistics
import unicodedata


def rows(outcomes, contenders):
    """The header and one row for each metric: what 1.0 stands for, then each contender's ratio and its spread."""
    yield ["", "1.00 is", *(contender.title for contender in contenders)]
    for outcome in outcomes:
        for metric in outcome.scenario.metrics:
            base = outcome.base(metric)
            title = metric.title if metric.more_is_better else f"{metric.title} (less is better)"
            cells = [_cell(outcome, metric, contender, base) for contender in contenders]
            yield [title, amount(outcome.figure(metric.name, base), metric.unit) if base else "–", *cells]


def _cell(outcome, metric, contender, base):
    if contender.kind not in outcome.scenario.kinds:
        return ""
    if contender.missing:
        return "not had"
    if contender.name in outcome.troubles:
        return "wrong bytes" if outcome.troubles[contender.name].startswith("wrong bytes") else "fails"
    ratios = outcome.ratios(metric.name, contender.name, base) if base else []
    if not ratios:
        return ""
    if contender.name == base:
        return "1.00"
    middle = _short(statistics.median(ratios))
    return middle if len(ratios) == 1 else f"{middle} ({_short(min(ratios))}–{_short(max(ratios))})"


def _short(ratio):
    return f"{ratio:.2f}" if ratio < 9.995 else f"{ratio:.1f}" if ratio < 99.95 else f"{ratio:.0f}"


def amount(figure, unit):
    """A figure as people say it."""
    if unit == "B/s":
        return f"{figure / 1e6:,.0f} MB/s"
    if unit == "B":
        return f"{figure / (1 << 20):,.0f} MiB"
    if unit == "s":
        return f"{figure * 1e3:,.2f} ms" if figure < 0.1 else f"{figure:.2f} s"
    return f"{figure:,.0f}{unit}"


def aligned(rows):
    """Columns padded to their widest cell."""
    rows = [[cell.replace("`", "") for cell in row] for row in rows]
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths)).rstrip() for row in rows)


def markdown(rows):
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---|" + "---:|" * (len(lines[0].split(" | ")) - 1))
    return "\n".join(lines)


def _width(text):
    return sum(0 if unicodedata.combining(letter) else 1 for letter in text)
