"""The display that redraws itself, on terminals of two sizes."""

import io
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from heimdall_console.following.live import LiveDisplay
from heimdall_console.formatting import cell_width
from heimdall_console.run_progress import RunProgress
from tests.console.programs import FakeRun


def records() -> list[dict[str, Any]]:
    now = time.time()
    made: list[dict[str, Any]] = [{"t": now - 20, "kind": "state", "status": "running"}]
    for epoch in range(6):
        step = 40 * (epoch + 1)
        values = {"train/loss": 3.0, "learning_rate": 1e-3}
        made.append({"t": now, "kind": "metrics", "step": step, "epoch": epoch, "values": values})
        values = {
            "val/loss": 5.0 - 0.5 * epoch,
            "val/median_m": 200.0 - 10 * epoch,
            **{f"val/within_{distance}m": 0.1 for distance in range(10, 200, 10)},
        }
        made.append({"t": now, "kind": "metrics", "step": step, "epoch": epoch, "values": values})
        made.append(
            {
                "t": now - 12 + 2 * epoch,
                "kind": "task",
                "name": "train",
                "done": step,
                "total": 400,
                "epoch": epoch,
                "epochs": 10,
            }
        )
    made.append(
        {
            "t": now,
            "kind": "checkpoint",
            "path": "/x/checkpoints/epoch=005-step=0000240.ckpt",
            "best": True,
            "size_bytes": 41_000_000,
            "removed": [],
        }
    )
    gpu = {"index": 0, "utilization_percent": 87, "used_bytes": 11e9, "total_bytes": 24e9}
    made.append(
        {"t": now, "kind": "hardware", "gpus": [gpu], "cpu_percent": 140.0, "data_wait_share": 0.18}
    )
    for name, cleared in (("spike", False), ("disk", False), ("disk", True)):
        text = f"[red]{name}[/red] was seen " + "x" * 200
        made.append({"t": now, "kind": "alert", "name": name, "text": text, "cleared": cleared})
    return made


def screen(width: int, height: int, name: str = "campus-1", **console_options: Any) -> str:
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, **console_options
    )
    display = LiveDisplay(name, "campus", console)
    display.close()
    progress = RunProgress()
    progress.take(records())
    with console.capture() as shown:
        console.print(display.render(progress))
    return shown.get()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 20), (70, 18)])
def test_the_display_fits_the_terminal(width: int, height: int) -> None:
    lines = screen(width, height, color_system=None).splitlines()
    assert len(lines) < height
    assert all(cell_width(line) <= width for line in lines)
    text = "\n".join(lines)
    for part in ("epoch 6/10", "60 %", "step 240 of 400", "20.0 steps/s", "8.0 s left", "150.0 m"):
        assert part in text
    assert "best epoch=005" in text
    assert "GPU 87 %" in text
    assert "alert spike" in text
    assert "alert disk" not in text
    assert ("│" in text) == (height >= 36)
    assert re.search(r"\+\d+ more", text) or height < 20
    assert "Ctrl+C stops" in lines[-1]


@pytest.mark.parametrize("height", range(3, 18))
def test_on_the_flattest_terminals_the_hint_goes_last(height: int) -> None:
    lines = screen(60, height, color_system=None).splitlines()
    assert len(lines) < height
    assert "Ctrl+C stops" in lines[-1]


def test_no_color_means_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = screen(80, 24)
    for code in ("\x1b[32m", "\x1b[36m", "\x1b[33m"):
        assert code not in shown


def test_hostile_names_are_text() -> None:
    shown = screen(80, 24, name="[red]x[/red]\x1b[2J\u202e", color_system=None)
    assert "[red]x[/red]\\x1b[2J\\u202e" in shown
    assert "\x1b[2J" not in shown


def test_a_pause_is_told_with_the_way_out(fake_run: Callable[..., FakeRun]) -> None:
    console = Console(
        file=io.StringIO(), width=80, height=24, force_terminal=True, color_system=None
    )
    run = fake_run().run
    display = LiveDisplay("campus-1", "campus", console, run=run)
    display.close()
    progress = RunProgress()
    progress.take([*records(), {"t": time.time(), "kind": "state", "status": "paused"}])
    with console.capture() as shown:
        console.print(display.render(progress))
    assert "‖ paused" in shown.get()
    assert f"heimdall-console runs resume {run.id}" in shown.get()
    assert "steps/s" not in shown.get()
    assert "waits for data" not in shown.get()


def test_before_the_first_record_it_says_what_it_waits_for() -> None:
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
    display = LiveDisplay("campus-1", "campus", console)
    display.close()
    with console.capture() as shown:
        console.print(display.render(RunProgress()))
    assert "loading libraries and data" in shown.get()


def test_messages_are_printed_above_and_wrapped() -> None:
    console = Console(
        file=io.StringIO(), width=60, height=20, force_terminal=True, color_system=None
    )
    display = LiveDisplay("campus-1", "campus", console)
    progress = RunProgress()
    text = "a long message [bold] with brackets " * 4
    display.show([{"t": 0.0, "kind": "message", "level": "warning", "text": text}], progress)
    display.close()
    file = console.file
    assert isinstance(file, io.StringIO)
    assert "[bold]" in file.getvalue()
    assert "warning" in file.getvalue()
