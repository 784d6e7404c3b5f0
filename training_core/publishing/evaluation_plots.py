"""The plots of an evaluation's page: distribution, reliability, bound, map."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from training_core.publishing.page_style import SERIES
from training_core.publishing.page_text import safe
from training_core.publishing.svg_plots import Axis, Pair, Plot, spanning

_MOST_DOTS: Final = 1500
_WORST: Final = 50


def cdf(result: Mapping[str, Any]) -> str:
    """Share of the sessions within each distance, for every method."""
    curves = {name: method["cdf_m"] for name, method in result["methods"].items()}
    # The last percents reach far: what matters would stick to the left end.
    values = [v for curve in curves.values() for v in curve[1 : round(0.98 * len(curve)) + 1]]
    plot = Plot(
        spanning("error, meters", values, is_log=True, margin=0),
        Axis("share of sessions", 0.0, 1.0),
        "Share of sessions located within each distance, by method",
    )
    # The network is drawn last, above the others.
    for number, curve in reversed(list(enumerate(curves.values()))):
        plot.line(list(zip(curve, result["cdf_share"], strict=False)), f"s{number % SERIES}")
    return plot.svg() + _key(
        [(f"b{n % SERIES}", name.replace("_", " ")) for n, name in enumerate(curves)]
    )


def reliability(result: Mapping[str, Any]) -> str:
    """Share of true positions in the ellipses over the share that they should hold."""
    axis = Axis("stated", 0.0, 1.0)
    plot = Plot(axis, Axis("held", 0.0, 1.0), "What the ellipses hold of what they should")
    plot.line([(0.0, 0.0), (1.0, 1.0)], "ideal")
    plot.line([(stated, held) for stated, held in result["coverage"]], "s0")
    return plot.svg()


def error_over_bound(result: Mapping[str, Any]) -> str:
    """Error of each session over its bound; empty where there is no bound."""
    told: Mapping[str, Sequence[float | None]] = result["positions"]["bound_m"]
    errors = _finite(result["positions"]["error_m"])
    step = max(len(errors) // _MOST_DOTS, 1)
    found = ""
    for number, (name, values) in enumerate(told.items()):
        bound = _finite(values)
        pairs = [(b, e) for b, e in zip(bound, errors, strict=True) if b > 0 and e > 0][::step]
        if not pairs:
            continue
        across = spanning("bound, meters", [b for b, _ in pairs], is_log=True)
        up = spanning("error, meters", [e for _, e in pairs], is_log=True)
        plot = Plot(across, up, f"Error of each session over its bound by {name}")
        plot.dots(pairs, f"d{number % SERIES}")
        low, high = max(across.low, up.low), min(across.high, up.high)
        if low < high:
            plot.line([(low, low), (high, high)], "ideal")
        ratio = result["bounds"].get(name, {}).get("error_over_bound", {}).get("network")
        said = f"; median of error over bound {ratio:.2f}" if ratio is not None else ""
        found += f'{plot.svg()}<p class="muted">By {safe(name)}{said}.</p>'
    return found


def map_of(result: Mapping[str, Any]) -> str:
    """Receivers, true positions, and the worst sessions with their estimates."""
    positions = result["positions"]
    truths, estimates = _points(positions["truth_m"]), _points(positions["estimate_m"])
    receivers = _points(positions["receivers_m"])
    errors = _finite(positions["error_m"])
    known = [place for place, error in enumerate(errors) if math.isfinite(error)]
    worst = sorted(known, key=lambda place: -errors[place])[:_WORST]
    shown = [*truths, *(estimates[place] for place in worst), *receivers]
    plot = Plot(
        spanning("east, meters", [x for x, _ in shown]),
        spanning("north, meters", [y for _, y in shown]),
        "Map of receivers, true positions and the worst estimates",
        is_map=True,
    )
    plot.dots(truths[:: max(len(truths) // _MOST_DOTS, 1)], "truth", 1.3)
    for place in worst:
        plot.line([truths[place], estimates[place]], "error")
    plot.dots(
        [estimates[place] for place in worst],
        "estimate",
        2.5,
        [f"{positions['session_id'][p]}: {errors[p]:,.0f} m" for p in worst],
    )
    plot.dots(receivers, "receiver", 4.0)
    return plot.svg() + (
        '<p class="muted">Receivers large, true positions small; lines lead from the '
        f"{len(worst)} worst sessions to where the network put them.</p>"
    )


def _key(entries: Sequence[tuple[str, str]]) -> str:
    return "".join(
        f'<span class="key"><i class="{style}"></i>{safe(name)}</span>' for style, name in entries
    )


def _finite(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _points(rows: Sequence[Sequence[float | None]]) -> list[Pair]:
    return [(math.nan if x is None else x, math.nan if y is None else y) for x, y in rows]
