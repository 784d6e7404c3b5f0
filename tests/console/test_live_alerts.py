"""Live: what a run warns of is seen, read, and reachable as long as it is wrong."""

import pytest
from textual.pilot import Pilot

from heimdall_console.app import HeimdallApp
from heimdall_console.screens.dialogs.text_page import TextPage
from heimdall_console.screens.live import LiveScreen
from heimdall_console.widgets.alert_banner import AlertBanner
from heimdall_console.widgets.key_hints import KeyHints
from tests.console.recorded_home import RecordedHome
from tests.console.test_live_screen import until
from training_core.contract.run_log import RunLogWriter

STARVED = "The GPU waits 40 % of the time for data"
ADVICE = "Raise data.num_workers, or keep the dataset in memory"


def shown(screen: LiveScreen) -> str:
    """What the banner says; nothing while it is hidden."""
    banner = screen.query_one(AlertBanner)
    return str(banner.render()) if banner.display else ""


def hints(screen: LiveScreen) -> str:
    return str(screen.query_one(KeyHints).render()).strip()


async def watched(pilot: Pilot[str]) -> LiveScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, LiveScreen)
    await until(pilot, lambda: screen.current and screen.grid.charts, "the run is read")
    return screen


@pytest.mark.parametrize("way", ["key", "click"])
async def test_an_alert_is_read_and_makes_room_until_the_next_one(
    recorded_home: RecordedHome, way: str
) -> None:
    run = recorded_home.run("running")
    app = HeimdallApp(recorded_home.path, run_ids=(run.id,))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await watched(pilot)
        assert shown(screen) == ""
        assert "alerts" not in hints(screen)
        with RunLogWriter(run.log_path) as log:
            log.append("alert", name="starved", text=STARVED, advice=ADVICE, step=2100)
        await until(pilot, lambda: STARVED in shown(screen), "the banner")
        assert ADVICE in shown(screen)
        assert hints(screen).startswith("A alerts")

        if way == "key":
            await pilot.press("A")
        else:
            await pilot.click(AlertBanner, offset=(10, 0))
        await until(pilot, lambda: isinstance(app.screen, TextPage), "all of it")
        page = app.screen
        assert isinstance(page, TextPage)
        assert STARVED in page._text
        assert f"{ADVICE}." in page._text
        assert "step 2,100" in page._text
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen, "back")
        assert shown(screen) == "", "it was read"

        # It is wrong all the same, and stays reachable: by its key, and in the log.
        assert hints(screen).startswith("A alerts")
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, TextPage), "it again")
        await pilot.press("escape")
        current = screen.current
        assert current is not None
        assert any(STARVED in line.text for line in current.history.lines)

        # What comes later is new; many are counted.
        with RunLogWriter(run.log_path) as log:
            for place in range(4):
                log.append("alert", name=f"other-{place}", text=f"[b]Wrong {place}")
        await until(pilot, lambda: "[b]Wrong 3" in shown(screen), "the new ones")
        assert STARVED not in shown(screen)
        assert "and 2 more" in shown(screen)
        assert screen.query_one(AlertBanner).size.height == 3

        with RunLogWriter(run.log_path) as log:
            for name in ("starved", *(f"other-{place}" for place in range(4))):
                log.append("alert", name=name, text="It is well again", cleared=True)
        await until(pilot, lambda: "alerts" not in hints(screen), "nothing is wrong")
        assert shown(screen) == ""


async def test_what_was_wrong_at_the_end_is_still_told(recorded_home: RecordedHome) -> None:
    run = recorded_home.run("finished")
    with RunLogWriter(run.log_path) as log:
        log.append("alert", name="disk", text="3.1 GB are free", advice="Free some space")
    app = HeimdallApp(recorded_home.path, run_ids=(run.id,))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await watched(pilot)
        assert shown(screen) == "", "nothing can be done about it"
        await pilot.press("A")
        await until(pilot, lambda: isinstance(app.screen, TextPage), "it can be read")
        assert isinstance(app.screen, TextPage)
        assert "3.1 GB are free" in app.screen._text
