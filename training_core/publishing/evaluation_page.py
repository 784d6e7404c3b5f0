"""An evaluation as one HTML page that needs nothing else: tables, plots, the worst sessions."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from training_core.publishing.evaluation_plots import cdf, error_over_bound, map_of, reliability
from training_core.publishing.page_style import page_style
from training_core.publishing.page_text import safe

_WORST: Final = 25
_ERRORS: Final = (("median_m", "median"), ("mean_m", "mean"), ("p90_m", "90 %"))
_SHARES: Final = (
    ("within_30m", "≤ 30 m"),
    ("within_100m", "≤ 100 m"),
    ("coverage_50", "in 50 %"),
    ("coverage_90", "in 90 %"),
)
_GROUPS: Final = (
    ("by_receivers", "receivers"),
    ("by_distance_m", "m to the nearest receiver"),
)
# The page may load nothing and run nothing, whatever a name in it says.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def evaluation_page(result: Mapping[str, Any]) -> str:
    """The page of what `training_core.publishing.evaluate.evaluate` found."""
    split = result["split"]
    title = f"{_model(result)} on {safe(result['dataset'])}, {safe(split['part'])}"
    rows = (
        f"{split['rows']:,} {safe(split['part'])} sessions of the split {safe(split['name'])}; "
        f"{split['train_rows']:,} train"
    )
    warnings = "".join(f'<p class="warning">{safe(text)}</p>' for text in result["warnings"])
    coverage = "".join(
        _group_table(result["calibration"].get(key, []), title) for key, title in _GROUPS
    )
    over = error_over_bound(result)
    parts = [
        f"<h1>{title}</h1><p>{rows}</p>{warnings}",
        f"<h2>Errors</h2>{_methods(result)}{_sentence(result)}",
        '<div class="pair">',
        f"<section><h2>Share of sessions located within</h2>{cdf(result)}</section>",
        f"<section><h2>What the network's ellipses hold</h2>{reliability(result)}</section>",
        f"<section><h2>Error against the bound</h2>{over}</section>" if over else "",
        f"<section><h2>Coverage by group</h2>{coverage}</section>" if coverage else "",
        "</div>",
        f"<h2>Map</h2>{map_of(result)}",
        f"<h2>Worst sessions</h2>{_worst(result['positions'])}",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{page_style()}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _model(result: Mapping[str, Any]) -> str:
    if result["version"]:
        return f"{safe(result['registered_model'])} version {safe(result['version'])}"
    return safe(str(result["model"]).rpartition("/")[2])


def _methods(result: Mapping[str, Any]) -> str:
    of = result["intervals"]["of"]
    rows = []
    for name, method in result["methods"].items():
        metrics = method["metrics"]
        cells = [_meters(metrics.get(key)) + _ends(of.get(name, {}).get(key)) for key, _ in _ERRORS]
        cells += [_percent(metrics.get(key)) for key, _ in _SHARES]
        rows.append(_row([safe(name).replace("_", " "), *cells], name))
    for name, bound in result["bounds"].items():
        cells = [_meters(bound.get(key)) for key, _ in _ERRORS]
        rows.append(_row([f"bound, {safe(name)}", *cells, *("" for _ in _SHARES)]))
    titles = ["method", *(title for _, title in (*_ERRORS, *_SHARES))]
    note = ""
    if of:
        drawn = f"{result['intervals']['blocks']:,} {safe(result['intervals']['unit'])}"
        note = f"meters; in brackets 95 % intervals, by drawing {drawn}"
    return _table(titles, rows, note or "meters")


def _sentence(result: Mapping[str, Any]) -> str:
    less = result["intervals"]["network_less_best"]
    if less is None:
        return ""
    low, high = less["median_interval_m"]
    said = f"median {less['median_m']:+,.1f} m ({low:+,.1f} to {high:+,.1f})"
    other = safe(less["method"]).replace("_", " ")
    if low <= 0.0 <= high:
        return f"<p>No difference can be told between the network and {other}: {said}.</p>"
    word = "better" if high < 0 else "worse"
    return f"<p>The network is {word} than {other}: {said}.</p>"


def _group_table(groups: Sequence[Mapping[str, Any]], title: str) -> str:
    if not groups:
        return ""
    rows = []
    for group in groups:
        low, high = f"{group['from']:,.0f}", f"{group['to']:,.0f}"
        shares = [_percent(group[f"coverage_{p}"]) for p in (50, 90)]
        span = low if low == high else f"{low} to {high}"
        rows.append(_row([span, f"{group['sessions']:,}", _meters(group["median_m"]), *shares]))
    return _table([title, "sessions", "median", "in 50 %", "in 90 %"], rows)


def _worst(positions: Mapping[str, Any]) -> str:
    errors = [math.nan if value is None else value for value in positions["error_m"]]
    known = [place for place, error in enumerate(errors) if math.isfinite(error)]
    rows = [
        _row(
            [
                safe(positions["session_id"][place]),
                _meters(errors[place]),
                str(positions["receivers"][place]),
                safe(positions["track"][place]),
            ]
        )
        for place in sorted(known, key=lambda place: -errors[place])[:_WORST]
    ]
    return _table(["session", "error", "heard by", "track"], rows)


def _table(titles: Sequence[str], rows: Sequence[str], caption: str = "") -> str:
    head = "".join(f"<th>{title}</th>" for title in titles)
    said = f"<caption>{caption}</caption>" if caption else ""
    return f'<div class="wide"><table>{said}<tr>{head}</tr>{"".join(rows)}</table></div>'


def _row(cells: Sequence[str], name: str = "") -> str:
    style = ' class="network"' if name == "network" else ""
    return f"<tr{style}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _meters(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def _ends(ends: Sequence[float] | None) -> str:
    if ends is None:
        return ""
    return f' <span class="spread">({ends[0]:,.1f} to {ends[1]:,.1f})</span>'


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
