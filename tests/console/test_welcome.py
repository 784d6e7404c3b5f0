"""What somebody sees who has nothing yet: three ways in, gone when the first run is there."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from heimdall_console.app import HeimdallApp
from heimdall_console.screens.configure import ConfigureScreen
from heimdall_console.widgets.key_hints import KeyHints
from heimdall_console.widgets.run_table import RunTable
from heimdall_console.widgets.welcome import Welcome
from tests.console.programs import TIMEOUT_S
from training_core.contract.config import Config
from training_core.contract.config_template import render_resolved
from training_core.contract.run_dir import RunInfo, create_run, new_id


async def settle(pilot: Pilot[str], is_true: Callable[[], bool]) -> None:
    """Wait for a condition under a deadline."""
    deadline = time.monotonic() + TIMEOUT_S
    while not is_true():
        assert time.monotonic() < deadline
        await pilot.pause()
        await asyncio.sleep(0.02)


async def test_an_empty_home_offers_three_ways_in(isolated_home: Path) -> None:
    app = HeimdallApp(isolated_home, host="here")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await settle(pilot, lambda: bool(app.screen.query("Welcome:focus")))
        welcome = app.screen.query_one(Welcome)
        lines = [str(line.render()) for line in welcome.query("LinkLine").results()]
        assert all(len(line) <= 74 for line in lines)
        assert [line.split()[0] for line in lines[:3]] == ["t", "Q", "2"]
        words = str(app.screen.query_one(KeyHints).render()).split()
        assert words[:4] == ["t", "tour", "Q", "quickstart"], "only what can be done"
        # No terminal can be lent to the tour here.
        await pilot.press("t")
        await settle(pilot, lambda: bool(app._notifications))
        assert "heimdall-console tour" in next(iter(app._notifications)).message
        await pilot.press("Q")
        await settle(pilot, lambda: app.current_mode == "configure")
        configure = app.screen
        assert isinstance(configure, ConfigureScreen)
        await settle(pilot, lambda: configure.document is not None)
        assert configure.document is not None
        assert configure.document.flat["data.dataset"] == "campus"
        assert configure.document.flat["trainer.max_minutes"] == 1.0
        assert configure.document.origin.title == "the quickstart"
        dataset = isolated_home / "datasets" / "campus"
        await settle(pilot, lambda: (dataset / "dataset.toml").is_file())
        await pilot.press("1")
        await settle(pilot, lambda: welcome.has_focus)
        now = time.time()
        info = RunInfo(id=new_id(now), name="first", experiment="trial", created=now)
        create_run(isolated_home, info, render_resolved(Config()))
        await settle(pilot, lambda: not welcome.display)
        hints = app.screen.query_one(KeyHints)
        await settle(pilot, lambda: "enter open" in str(hints.render()))
        assert app.screen.query_one(RunTable).has_focus


async def test_a_console_that_only_reads_starts_nothing(isolated_home: Path) -> None:
    app = HeimdallApp(isolated_home, readonly=True, host="here")
    async with app.run_test(size=(60, 20)) as pilot:
        await settle(pilot, lambda: bool(app.screen.query("Welcome:focus")))
        await pilot.press("Q")
        await pilot.pause()
        assert app.current_mode == "runs"
    assert not (isolated_home / "jobs").exists()
