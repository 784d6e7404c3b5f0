"""What is known of the run under the cursor, in a pane beside the table."""

from typing import TYPE_CHECKING, ClassVar, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from heimdall_console.formatting import age, metric, plain
from heimdall_console.run_columns import Context, rough_duration, state_text

if TYPE_CHECKING:
    from heimdall_console.run_rows import RunRow

_FIRST_PARAMS: Final = (
    "model.name",
    "optimizer.learning_rate",
    "optimizer.weight_decay",
    "trainer.batch_size",
    "trainer.epochs",
    "trainer.precision",
    "schedule.name",
    "data.dataset",
    "data.split",
    "run.seed",
)
_MOST_PARAMS, _MOST_METRICS = 40, 12
_LONGEST: Final = 400
_CURVE_WIDTH: Final = 34


class RunPreview(VerticalScroll, can_focus=False):
    """Facts of one run; nothing of them is read for it."""

    DEFAULT_CSS: ClassVar[str] = """
    RunPreview {
        width: 46;
        height: 1fr;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        background: $surface;
        & Static { height: auto; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._seen: object = None

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(id="preview-text")

    def show_row(self, row: "RunRow | None", context: Context) -> None:
        """Show another run, or the same one as it is now."""
        seen = (row, context.metric, context.now_s, context.figures.changes, self.app.theme)
        if seen == self._seen:
            return
        self._seen = seen
        self.query_one("#preview-text", Static).update(
            _facts(row, context, self.app.theme_variables) if row is not None else Text("")
        )


def _facts(row: "RunRow", context: Context, colors: dict[str, str]) -> RenderableType:
    muted = colors.get("muted", "")
    parts: list[RenderableType] = [Text(_cut(row.name), "bold")]
    state = Text(state_text(row.status, ascii_only=context.ascii_only))
    state.stylize(colors.get(f"state-{row.status}", ""))
    if row.created_s is not None:
        state.append(f"   {age(max(0.0, context.now_s - row.created_s))}", muted)
    took_s = row.took_s(context.now_s)
    if took_s is not None:
        state.append(f"   {rough_duration(took_s, is_live=row.is_live)}", muted)
    parts.append(state)
    if row.reason:
        bad = colors.get("error", "") if row.status in ("failed", "crashed", "killed") else ""
        parts.append(Text(_cut(row.reason), bad))
    if row.wrong:
        parts.append(Text(_cut(row.wrong), colors.get("warning", "")))
    parts.append(_grid(_places(row), muted))
    values = _values(row, context)
    if values:
        parts += [_heading("metrics", colors), *_curve(row, context, colors)]
        parts.append(_grid(values, muted, right=True))
    params = _params(row)
    if params:
        parts += [_heading("parameters", colors), _grid(params, muted)]
    own = [
        (name.removeprefix("user."), value)
        for name, value in sorted(row.tags.items())
        if not name.startswith(("mlflow.", "heimdall."))
    ]
    if own:
        parts += [_heading("tags", colors), _grid(own, muted)]
    return Group(*parts)


def _places(row: "RunRow") -> list[tuple[str, str]]:
    found = [
        ("experiment", row.experiment),
        ("id", row.run_id),
        ("MLflow", row.mlflow_id),
        ("by", f"{row.user}@{row.host}" if row.user and row.host else row.user or row.host),
        ("from", row.parent_run_id),
    ]
    return [(name, value) for name, value in found if value]


def _values(row: "RunRow", context: Context) -> list[tuple[str, str]]:
    values = {**row.metrics, **row.at_best}
    chosen = context.metric
    lines = []
    if chosen:
        for which in ("best", "last", "min", "max"):
            found = context.figures.value(row, chosen, which)
            if found is not None:
                is_best = which != "best" or chosen in context.figures.directions
                label = f"{which} {chosen}" if is_best else f"{chosen} at best checkpoint"
                lines.append((label, metric(chosen, found)))
    others = sorted(name for name in values if name != chosen and not name.startswith("system/"))
    lines += [(name, metric(name, values[name])) for name in others[:_MOST_METRICS]]
    if len(others) > _MOST_METRICS:
        lines.append((f"and {len(others) - _MOST_METRICS} more", ""))
    return lines


def _curve(row: "RunRow", context: Context, colors: dict[str, str]) -> list[Text]:
    """The chosen metric over its steps, where it was read."""
    figures = context.figures.get(row.key, context.metric)
    if figures is None or len(figures.values) < 2:
        return []
    from heimdall_console.charts.sparkline import sparkline

    line = sparkline(figures.values, _CURVE_WIDTH, ascii_only=context.ascii_only)
    return [Text(line, colors.get("accent", ""))]


def _params(row: "RunRow") -> list[tuple[str, str]]:
    first = [(name, row.params[name]) for name in _FIRST_PARAMS if name in row.params]
    if first:
        return first
    listed = sorted(row.params.items())
    more = [(f"and {len(listed) - _MOST_PARAMS} more", "")] if len(listed) > _MOST_PARAMS else []
    return listed[:_MOST_PARAMS] + more


def _heading(title: str, colors: dict[str, str]) -> Text:
    return Text(f"\n{title}", colors.get("accent", ""))


def _grid(lines: list[tuple[str, str]], muted: str, *, right: bool = False) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0), expand=True)
    table.add_column(style=muted, overflow="ellipsis", no_wrap=True, ratio=2 if right else None)
    table.add_column(
        overflow="fold", justify="right" if right else "left", ratio=None if right else 1
    )
    for name, value in lines:
        table.add_row(Text(_cut(name)), Text(_cut(value)))
    return table


def _cut(text: str) -> str:
    return plain(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")
