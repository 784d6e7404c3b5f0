"""How errors are distributed, and whether predicted uncertainty is as large as it should be."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from heimdall_console.charts.chart_view import ChartView
from heimdall_console.charts.curve_columns import Curve
from heimdall_console.charts.ranges import round_range

_PERCENT: Final = 0.01
_SHOWN_SHARE: Final = 0.95
_MOST_POINTS: Final = 2000


def distribution_curves(errors_m: Mapping[str, npt.ArrayLike]) -> list[Curve]:
    """The share of errors up to each distance, a curve a method with its median.

    NaN and infinities count as farther than any distance.

    Args:
        errors_m: Method → its errors, or quantiles of them at equal steps, in any order; meters.
    """
    curves = []
    for number, (name, values) in enumerate(errors_m.items()):
        all_values = np.sort(np.asarray(values, np.float64).reshape(-1))
        known = all_values[np.isfinite(all_values)]
        if not len(known):
            continue
        shares = np.arange(1, len(known) + 1) / len(all_values)
        if len(known) > _MOST_POINTS:
            chosen = np.linspace(0, len(known) - 1, _MOST_POINTS).astype(np.int64)
            known, shares = known[chosen], shares[chosen]
        x, y = np.append(known[0], known), np.append(0.0, shares)
        style = f"series-{number % 8 + 1}"
        middle = int(np.searchsorted(shares, 0.5))
        median = f"{known[middle]:,.0f} m" if middle < len(known) else "-"
        curves.append(Curve.of(name, x, y, style, figure=median))
    return curves


def distribution_view(curves: Sequence[Curve], cursor_m: float | None = None) -> ChartView:
    """All shares, and distances up to where the worst method has located most."""
    reach = 1.0
    for curve in curves:
        place = int(np.searchsorted(curve.values, _SHOWN_SHARE * float(curve.values[-1])))
        reach = max(reach, float(curve.x[min(place, len(curve) - 1)]))
    return ChartView(
        x_range=(0.0, round_range(0.0, reach)[1]),
        y_range=(0.0, 1.0),
        x_unit="m",
        y_scale=_PERCENT,
        cursor_x=cursor_m,
    )


def calibration_curves(
    observed: Mapping[str, Sequence[tuple[float, float]]],
) -> list[Curve]:
    """Observed over nominal coverage, a curve a method, with the diagonal of a perfect one.

    Args:
        observed: Method → pairs of nominal and observed coverage, each from 0 to 1.
    """
    curves = []
    for number, (name, pairs) in enumerate(observed.items()):
        known = sorted((a, b) for a, b in pairs if np.isfinite(a) and np.isfinite(b))
        if known:
            nominal, seen = zip(*known, strict=True)
            curves.append(
                Curve.of(
                    name,
                    100 * np.array(nominal),
                    np.array(seen),
                    f"series-{number % 8 + 1}",
                    figure="",
                    has_points=True,
                )
            )
    ideal = Curve.of("ideal", [0.0, 100.0], [0.0, 1.0], "reference", "ghost", figure="")
    return [*curves, ideal]


def calibration_view(cursor_percent: float | None = None) -> ChartView:
    """Both axes from 0 to 100 percent."""
    return ChartView(
        x_range=(0.0, 100.0),
        y_range=(0.0, 1.0),
        x_unit="%",
        y_scale=_PERCENT,
        cursor_x=cursor_percent,
    )
