"""How sure the numbers of an evaluation are: intervals, the difference to the best, coverage."""

from collections.abc import Mapping
from typing import Any, Final

from heimdall_console.formatting import count, meters, number, percent, plain

GROUPS: Final = (("by_receivers", "receivers"), ("by_distance_m", "nearest receiver"))
"""Key of a calibration table, and what its groups are called."""


def ends_of(result: Mapping[str, Any], method: str, key: str) -> tuple[float, float] | None:
    """Low and high end of a metric's 95 % interval; None where the evaluation tells none."""
    return _pair(_map(_map(_map(result.get("intervals")).get("of")).get(method)).get(key))


def spread_text(ends: tuple[float, float] | None) -> str:
    """Half of an interval's width as `±6 m`; empty without one."""
    if ends is None:
        return ""
    half = (ends[1] - ends[0]) / 2
    if half >= 10_000:
        return f"±{half / 1000:,.1f} km"
    return f"±{half:,.0f} m" if half >= 10 else f"±{half:.1f} m"


def with_spread(value: float | None, ends: tuple[float, float] | None) -> str:
    """A distance and how sure it is, as `110.8 ±6.1 m`."""
    text, spread = meters(value), spread_text(ends)
    if not spread:
        return text
    if text.endswith(" m") and spread.endswith(" m"):
        text = text.removesuffix(" m")
    return f"{text} {spread}"


def comparison_text(result: Mapping[str, Any], name_of: Mapping[str, str] | None = None) -> str:
    """One sentence on the network and the best method beside it; empty where nothing is told.

    Args:
        result: of an evaluation.
        name_of: method → its name for people.
    """
    told = _map(_map(result.get("intervals")).get("network_less_best"))
    less, ends = _float(told.get("median_m")), _pair(told.get("median_interval_m"))
    if less is None or ends is None:
        return ""
    method = str(told.get("method", ""))
    other = plain((name_of or {}).get(method, method.replace("_", " ")))
    if ends[0] <= 0.0 <= ends[1]:
        return (
            f"no difference can be told between the network and {other}: median "
            f"{_signed(less)} ({_signed(ends[0])} to {_signed(ends[1])})"
        )
    word = "better" if less < 0 else "worse"
    near, far = sorted(abs(end) for end in ends)
    return (
        f"the network is {word} than {other}: median by {meters(abs(less))} "
        f"({meters(near)} to {meters(far)})"
    )


def resampled_text(result: Mapping[str, Any]) -> str:
    """What was resampled for the intervals; empty where there are none."""
    told = _map(result.get("intervals"))
    blocks = _float(told.get("blocks"))
    if not told.get("of") or blocks is None:
        return ""
    return f"95 % intervals, by drawing {count(int(blocks))} {plain(told.get('unit', ''))}"


def calibration_groups(result: Mapping[str, Any], key: str) -> list[tuple[str, str, str, str]]:
    """Group, its sessions, and what its 50 % and 90 % ellipses hold.

    Args:
        result: of an evaluation.
        key: one of `GROUPS`.
    """
    told = _map(result.get("calibration")).get(key)
    rows = []
    for group in told if isinstance(told, list) else []:
        low, high = _float(_map(group).get("from")), _float(_map(group).get("to"))
        sessions = _float(_map(group).get("sessions"))
        if low is None or high is None or sessions is None:
            continue
        half, most = (percent(_float(group.get(f"coverage_{p}"))) for p in (50, 90))
        rows.append((_range(low, high, is_m=key.endswith("_m")), count(int(sessions)), half, most))
    return rows


def over_bound_texts(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """By what is measured, how many times the bound the network's error is."""
    found = []
    for name, bound in _map(result.get("bounds")).items():
        value = _float(_map(_map(bound).get("error_over_bound")).get("network"))
        if value is not None:
            found.append((plain(name), f"{number(value, 3)} times the bound"))
    return found


def _range(low: float, high: float, *, is_m: bool) -> str:
    if is_m:
        return f"{meters(low)} to {meters(high)}"
    return f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + meters(value)


def _map(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _pair(found: object) -> tuple[float, float] | None:
    if not isinstance(found, list) or len(found) != 2:
        return None
    low, high = _float(found[0]), _float(found[1])
    return None if low is None or high is None else (low, high)


def _float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)
