"""The mouse of a real terminal: what can be pointed at does what its key does."""

import re

from tests.console.recorded_home import RecordedHome
from tests.console.terminal.real_console import RealConsole

TITLES = ("Runs", "Configure", "Live", "Checkpoints", "Models", "Evaluate")
SIGNS = {
    "Runs": "c compare",
    "Configure": "p preflight",
    "Live": "f full chart",
    "Checkpoints": "e export",
    "Models": "b roll back",
    "Evaluate": "m map",
}
"""A hint in the footer of each screen that no other one has."""
APART_S = 0.6
"""Two clicks that are further apart are not a double one."""


def test_tabs_hints_and_tables_are_clicked(recorded_home: RecordedHome) -> None:
    with RealConsole() as console:
        console.wait("campus-baseline")
        for number, title in reversed(list(enumerate(TITLES, start=1))):
            console.click(console.place_of(f"{number} {title}"))
            console.wait(lambda shown, t=title: SIGNS[t] in shown, f"the screen {title}")  # type: ignore[misc]  # its default is a text
        # A row of the table: once for the cursor, twice to open it.
        console.wait("campus-long-first-try")
        place = console.place_of("campus-long-first-try")
        console.click(place)
        console.wait(lambda shown: "▌" in shown.splitlines()[place[1]], "the cursor on that row")
        # A title sorts.
        console.click(console.place_of("name"))
        console.wait("by name")
        # A hint of the footer does what its key does.
        console.click(console.place_of("filter"))
        console.wait("esc leave")
        console.press("escape")
        console.wait("campus-baseline")
        console.click(console.place_of("campus-baseline"), times=2)
        console.wait("took 40 s")
        console.refuse_bugs()


def test_charts_and_the_log_are_turned_dragged_and_opened(recorded_home: RecordedHome) -> None:
    run = recorded_home.run("finished")
    with RealConsole("attach", run.id) as console:
        console.wait("page 1 of")
        console.wait("finished")
        chart = console.place_of("val/loss ─")
        middle = chart[0] + 18, chart[1] + 6

        # A click sets the cursor, another one takes it away.
        console.click(middle)
        shown = console.wait("drop cursor")
        assert re.search(r"step [\d,]+ │|│ step [\d,]+", shown)
        console.read(APART_S)
        console.click(middle)
        console.wait(lambda shown: "drop cursor" not in shown, "no cursor")

        # The wheel zooms around the mouse, dragging moves the range.
        assert "zoomed" not in console.text()
        for _ in range(6):
            console.wheel(middle, up=True)
        console.wait("zoomed")
        zoomed = axis(console)
        console.drag(middle, (middle[0] + 12, middle[1]))
        console.wait(lambda _: axis(console) != zoomed, "another range")
        assert least(axis(console)) < least(zoomed), "what lies to the left came into sight"
        for _ in range(12):
            console.wheel(middle, up=False)
        console.wait(lambda shown: "zoomed" not in shown, "the whole range")

        # The wheel in the log holds it and goes back; at its end it follows again.
        log = console.place_of("─ log ─")
        place = log[0] + 30, log[1] + 3
        for _ in range(3):
            console.wheel(place, up=True)
        console.wait("below")
        for _ in range(30):
            console.wheel(place, up=False)
        console.wait(lambda shown: " below" not in shown, "the end of the log")

        # Two clicks give a chart the whole screen, and back.
        console.click(middle, times=2)
        console.wait(lambda shown: "─ log ─" not in shown, "one chart")
        console.click((60, 20), times=2)
        console.wait("─ log ─")
        console.refuse_bugs()


def axis(console: RealConsole) -> list[int]:
    """The numbers below the first chart."""
    line = next(line for line in console.text().splitlines() if line.startswith(" step "))
    first = line[:38]
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", first)]


def least(numbers: list[int]) -> int:
    return min(numbers)
