"""Runs that exist without anybody following them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.console.programs import FakeRun
from tests.console.recorded_home import RecordedHome, held_lock, make_recorded_home


@pytest.fixture
def fake_run(isolated_home: Path) -> Iterator[Callable[..., FakeRun]]:
    """Makes runs of the test's home; their workers end with the test."""
    made: list[FakeRun] = []

    def make(name: str = "morning", **plan: Any) -> FakeRun:
        made.append(FakeRun(isolated_home, plan, name))
        return made[-1]

    yield make
    for run in made:
        run.stop()


@pytest.fixture
def recorded_home(isolated_home: Path) -> Iterator[RecordedHome]:
    """The test's home, filled from the recording; its running run is alive, seen from outside."""
    made = make_recorded_home(isolated_home)
    with held_lock(made.run("running")):
        yield made
