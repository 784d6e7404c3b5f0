"""What MLflow says of a run, as text: one line, facts, model versions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from heimdall_console.formatting import age, metric, plain, shortened
from heimdall_console.run_columns import rough_duration, state_text

if TYPE_CHECKING:
    from heimdall_console.run_rows import RunRow

_LONGEST_NAME: Final = 60
_TITLES: Final = ("model", "version", "aliases", "made", "status")
_NOT_SHOWN: Final = "mlflow.log-model"

Colors = Mapping[str, str]
"""Variable of the theme to color."""


def title_text(row: "RunRow", now_s: float, colors: Colors, *, ascii_only: bool) -> Text:
    """Name, state, experiment, age, duration."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(shortened(plain(row.name), _LONGEST_NAME), "bold")
    state = state_text(row.status, ascii_only=ascii_only)
    text.append(f"   {state}", colors.get(f"state-{row.status}", ""))
    parts = [shortened(plain(row.experiment), _LONGEST_NAME)]
    if row.created_s is not None:
        parts.append(age(max(0.0, now_s - row.created_s)))
    took_s = row.took_s(now_s)
    if took_s is not None:
        parts.append(rough_duration(took_s, is_live=row.is_live))
    return text.append("   " + "   ".join(parts), colors.get("muted", ""))


def facts_text(row: "RunRow", full: Mapping[str, Any], colors: Colors) -> RenderableType:
    """Where it lies, parameters, last values, tags.

    Args:
        row: What the list knows.
        full: The run as the tracking reader gives it, nothing shortened; may be empty.
        colors: Of the theme.
    """
    places = [
        ("MLflow id", row.mlflow_id),
        ("our id", row.run_id),
        ("experiment", row.experiment),
        ("user", row.user),
        ("artifacts", str(full.get("artifact_uri", ""))),
    ]
    tags = {**row.tags, **(full.get("tags") or {})}
    metrics = full.get("metrics") or dict(row.metrics)
    parts: list[RenderableType] = [_grid([pair for pair in places if pair[1]], colors)]
    if row.wrong:
        parts.insert(0, Text(plain(row.wrong), colors.get("warning", "")))
    for heading, values in (
        ("parameters", {**row.params, **(full.get("params") or {})}),
        ("last values", {key: metric(key, float(value)) for key, value in metrics.items()}),
        ("tags", {key: v for key, v in tags.items() if not key.startswith(_NOT_SHOWN)}),
    ):
        if values:
            parts += [
                Text(f"\n{heading}", colors.get("accent", "")),
                _grid(sorted(values.items()), colors),
            ]
    return Group(*parts)


def versions_text(
    versions: Sequence[Mapping[str, Any]], now_s: float, colors: Colors
) -> RenderableType:
    """The model versions that were made from the run."""
    if not versions:
        return Text("No model version was made from this run.")
    muted = colors.get("muted", "")
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_row(*(Text(title, muted) for title in _TITLES))
    for version in versions:
        made_s = (version.get("created_ms") or 0) / 1000
        table.add_row(
            Text(plain(version.get("name", "")), "bold"),
            Text(str(version.get("version", ""))),
            Text(" ".join(f"@{plain(alias)}" for alias in version.get("aliases", ()))),
            Text(age(max(0.0, now_s - made_s)) if made_s else ""),
            Text(plain(version.get("status", ""))),
        )
    return Group(table, Text("\nM  shows the model", muted))


def _grid(pairs: Sequence[tuple[str, str]], colors: Colors) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(style=colors.get("muted", ""), overflow="fold", ratio=2)
    table.add_column(overflow="fold", ratio=5)
    for name, value in pairs:
        table.add_row(Text(plain(name)), Text(plain(value, keep_lines=True)))
    return table
