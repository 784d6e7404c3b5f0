"""What a dataset holds, as lines."""

from heimdall_console.charts.site_map import map_lines
from heimdall_console.formatting import count, plain
from heimdall_console.layout import pair_lines
from heimdall_console.terminal import Terminal
from training_core.contract.datasets import DatasetSummary

_BAR_WIDTH = 30
_HISTOGRAM_ROWS = 10
_SHOWN_NOTES = 6


def dataset_lines(
    summary: DatasetSummary, path: str, terminal: Terminal, *, ascii_only: bool = False
) -> list[str]:
    """Facts, histogram of receivers a session, and the map."""
    lines = ["", f" {terminal.style(plain(summary.name), 'bold')}   {plain(path)}", ""]
    lines += pair_lines([(k, v) for k, v in _facts(summary) if v], terminal)
    if summary.receivers_per_session:
        lines += ["", f" {terminal.style('sessions by number of receivers that measured', 'dim')}"]
        lines += _histogram(summary.receivers_per_session, terminal, ascii_only)
    if summary.occupancy is not None:
        fixed = [
            (r.latitude_deg, r.longitude_deg)
            for r in summary.receivers
            if not r.mobile and r.latitude_deg is not None and r.longitude_deg is not None
        ]
        lines += ["", *map_lines(summary.occupancy, fixed, terminal, ascii_only=ascii_only)]
    return [*lines, ""]


def _facts(summary: DatasetSummary) -> list[tuple[str, str]]:
    unlabeled = summary.sessions - summary.labeled_sessions
    sessions = [count(summary.sessions)]
    sessions += [f"{count(unlabeled)} without a position"] if unlabeled else []
    sessions += [f"{count(summary.tracks)} tracks"] if summary.tracks else []
    mobile = sum(receiver.mobile for receiver in summary.receivers)
    silent = [plain(r.receiver_id) for r in summary.receivers if r.sessions == 0]
    receivers = [count(len(summary.receivers))] + ([f"{mobile} mobile"] if mobile else [])
    measured = [f"{plain(name)} {count(n)}" for name, n in summary.measurements.items()]
    first, last = summary.first_time, summary.last_time
    facts = [
        ("about", plain(summary.description)),
        ("source", plain(summary.source)),
        ("license", plain(summary.licence)),
        ("sessions", ", ".join(sessions)),
        ("receivers", ", ".join(receivers)),
        ("never heard", _some(silent)),
        ("observations", ", ".join([count(summary.observations), *measured])),
        ("time", f"{_moment(first)} to {_moment(last)} UTC" if first and last else ""),
        ("origin", _position(summary.origin_latitude_deg, summary.origin_longitude_deg)),
        ("splits", ", ".join(_splits(summary)) or "none of its own: place, track, date, random"),
    ]
    notes = [f"{plain(key)} {plain(value)}" for key, value in summary.notes.items()]
    return [
        *facts,
        ("notes", _some(notes, _SHOWN_NOTES)),
        ("fingerprint", summary.fingerprint[:16]),
    ]


def _moment(iso: str) -> str:
    return plain(iso.removesuffix("Z")).replace("T", " ")


def _splits(summary: DatasetSummary) -> list[str]:
    return [
        f"{plain(s.name)} (by {plain(s.by)}{', leaking' if s.leaking else ''})"
        for s in summary.splits
    ]


def _position(latitude: float, longitude: float) -> str:
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.5f}° {north}, {abs(longitude):.5f}° {east}"


def _histogram(counts: dict[int, int], terminal: Terminal, ascii_only: bool) -> list[str]:
    bins = _binned(counts)
    most = max(n for _, n in bins) or 1
    width = max(len(label) for label, _ in bins)
    block = "#" if ascii_only or not terminal.unicode else "█"
    return [
        f" {label:>{width}}  {terminal.style(block * max(round(_BAR_WIDTH * n / most), n > 0), 'accent')} {count(n)}"
        for label, n in bins
    ]


def _binned(counts: dict[int, int]) -> list[tuple[str, int]]:
    """Neighboring numbers joined until at most ten rows are left."""
    low, high = min(counts), max(counts)
    step = -(-(high - low + 1) // _HISTOGRAM_ROWS)
    bins = []
    for start in range(low, high + 1, step):
        end = min(start + step - 1, high)
        total = sum(counts.get(number, 0) for number in range(start, end + 1))
        bins.append((str(start) if start == end else f"{start}-{end}", total))
    return bins


def _some(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
