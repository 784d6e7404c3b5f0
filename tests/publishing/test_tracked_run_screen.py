"""A run that another program logged, looked at in the console, through a real database."""

from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import ContentSwitcher, Static, Tree

from heimdall_console.app import HeimdallApp
from heimdall_console.screens.runs import RunsScreen
from heimdall_console.screens.tracked_run import TrackedRunScreen
from heimdall_console.widgets.metric_chart import MetricChart
from tests.publishing.runs import embedded
from tests.publishing.test_tracking_reader import HOSTILE, client_of, log_runs, spoil


async def until(pilot: Pilot[Any], condition: Any, what: str) -> None:
    for _ in range(1500):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError(f"still waiting for {what}")


def text_of(app: HeimdallApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def test_curves_facts_artifacts_models_and_a_rerun(home: Path, tmp_path: Path) -> None:
    ids = log_runs(embedded(home), tmp_path, count=1)
    config = tmp_path / "config.toml"
    config.write_text("[optimizer]\nlearning_rate = 0.5\n")
    client_of(embedded(home)).log_artifact(ids[0], str(config))
    app = HeimdallApp(home, clock=lambda: 100.0)
    async with app.run_test(size=(120, 40)) as pilot:
        runs = app.screen
        assert isinstance(runs, RunsScreen)
        await until(pilot, lambda: runs.runs.total == 1, "the run")
        runs.table.focus()
        await pilot.press("enter")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, TrackedRunScreen)
        charts = screen.query(MetricChart)
        await until(
            pilot, lambda: sum(bool(chart.curves) for chart in charts) == 2, "two histories"
        )
        assert [len(chart.curves[0]) for chart in charts] == [20, 2]
        await pilot.press("x", "L", "full_stop", "comma")

        await pilot.press("right_square_bracket")
        facts = screen.query_one("#facts-text", Static)
        await until(pilot, lambda: "y" * 30 in text_of(app), "what the list left out")
        assert facts.display
        assert "[red]a\\x1b[2J" in text_of(app), "hostile text is shown, not obeyed"
        assert HOSTILE not in text_of(app)

        await pilot.press("right_square_bracket")
        assert screen.query_one(ContentSwitcher).current == "artifacts"
        tree = screen.query_one(Tree)
        await until(pilot, lambda: len(tree.root.children) == 2, "the artifacts")
        assert str(tree.root.children[1].label).startswith("config.toml")
        await pilot.press("down")
        await pilot.press("enter")
        await until(pilot, lambda: len(tree.root.children[0].children) == 3, "the folder")
        tree.move_cursor(tree.root.children[0].children[1])
        await pilot.press("enter")
        await until(
            pilot,
            lambda: (
                "only the beginning of 500 kB"
                in str(screen.query_one("#artifact-preview", Static).content)
            ),
            "the preview",
        )
        tree.move_cursor(tree.root.children[0].children[2])
        await pilot.press("enter")
        await until(pilot, lambda: "is no text" in text_of(app), "that it is none")

        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "@champion" in text_of(app), "the model version")
        await pilot.press("right_square_bracket", "left_square_bracket", "y", "ctrl+r")
        assert app.clipboard == ids[0]
        await pilot.press("n")
        await until(pilot, lambda: app.current_mode == "configure", "the configuration")


async def test_an_odd_run_says_what_is_odd_in_the_list_and_on_its_screen(
    home: Path, tmp_path: Path
) -> None:
    ids = log_runs(embedded(home), tmp_path, count=2)
    spoil(home / "mlflow.db", ids[1])
    app = HeimdallApp(home, clock=lambda: 100.0)
    async with app.run_test(size=(160, 40)) as pilot:
        runs = app.screen
        assert isinstance(runs, RunsScreen)
        await until(pilot, lambda: runs.runs.total == 2, "both runs")
        assert runs.table.go_to(f"mlflow:{ids[1]}")
        await until(pilot, lambda: "Odd in MLflow" in text_of(app), "what is odd")
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: "Odd in MLflow: its end is 'later'" in text_of(app), "it")
        assert "loss" in text_of(app)
        charts = app.screen.query(MetricChart)
        await until(pilot, lambda: [c for c in charts if c.curves], "the rest of its history")
        assert len(charts.first(MetricChart).curves[0]) == 19
