"""What every screen shares: going about, help, palette, themes, errors, pictures, reading only."""

import json
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList

from heimdall_console.actions import everywhere
from heimdall_console.app import HeimdallApp
from heimdall_console.clipboard import clipboard_sequences
from heimdall_console.preferences import Preferences, preferences_path
from heimdall_console.screens.dialogs.error_page import ErrorPage
from heimdall_console.screens.dialogs.help_page import HelpPage
from heimdall_console.screens.dialogs.text_question import TextQuestion
from heimdall_console.screens.dialogs.theme_picker import ThemePicker
from heimdall_console.screens.dialogs.yes_no import YesNo
from heimdall_console.settings import settings_path
from heimdall_console.sources.thread import in_thread
from training_core.contract.errors import HeimdallError


def console(home: Path, **options: object) -> HeimdallApp:
    return HeimdallApp(home, host="gpu-07", **options)  # type: ignore[arg-type]


async def test_keys_show_the_six_screens_and_escape_goes_back(isolated_home: Path) -> None:
    app = console(isolated_home)
    async with app.run_test(size=(100, 30)) as pilot:
        for key, mode in zip("123456", everywhere.MODES, strict=True):
            await pilot.press(key)
            await pilot.pause()
            assert app.current_mode == mode
        await pilot.press("escape")
        await pilot.pause()
        assert app.current_mode == "models"
        await pilot.press("f1")
        await pilot.pause()
        assert app.current_mode == "runs"


async def test_help_palette_themes_and_pictures(
    isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = console(isolated_home, preferences=Preferences(preferences_path()))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpPage)
        await pilot.press("escape")
        await pilot.press("ctrl+t")
        picker = app.screen
        assert isinstance(picker, ThemePicker)
        before = app.theme
        await pilot.press("j")
        await pilot.pause()
        assert app.theme != before, "the theme under the cursor is shown"
        await pilot.press("escape")
        assert app.theme == before
        await pilot.press("ctrl+t")
        await pilot.pause()
        app.screen.query_one(OptionList).highlighted = 0
        await pilot.pause()
        chosen = app.theme
        await pilot.press("enter")
        await pilot.press("ctrl+o")
        for _ in range(100):
            await pilot.pause(0.02)
            if list(tmp_path.glob("heimdall-runs-*.svg")):
                break
        picture = next(tmp_path.glob("heimdall-runs-*.svg")).read_text()
        assert "Configure" in picture
    assert json.loads(preferences_path().read_text())["look"]["theme"] == chosen
    assert app.return_value in (None, "")


async def test_keys_of_ones_own_are_obeyed_and_shown(isolated_home: Path) -> None:
    settings_path().parent.mkdir(parents=True)
    settings_path().write_text('[console]\nkeys = { "app.show_models" = "ctrl+g" }\n')
    app = console(isolated_home)
    async with app.run_test(size=(100, 30)) as pilot:
        for _ in range(200):
            await pilot.pause(0.02)
            if app.with_keys("app", everywhere.ACTIONS) != everywhere.ACTIONS:
                break
        await pilot.press("5")
        assert app.current_mode == "runs"
        await pilot.press("ctrl+g")
        await pilot.pause()
        assert app.current_mode == "models"


async def test_an_error_has_four_sentences_and_its_traceback_one_key_away(
    isolated_home: Path,
) -> None:
    app = console(isolated_home)
    async with app.run_test(size=(100, 30)) as pilot:
        error = HeimdallError(
            "The disk of [red]home[/] is full",
            why="4 KiB are free",
            unharmed="Every run goes on",
            action="Free some space",
        )
        app.show_error(error)
        await pilot.pause()
        page = app.screen
        assert isinstance(page, ErrorPage)
        shown = app.export_screenshot()
        for word in ("[red]home[/]", "4&#160;KiB", "Every&#160;run", "Free&#160;some"):
            assert word in shown
        assert not page.query_one("#traceback").display
        await pilot.press("t")
        assert page.query_one("#traceback").display
        await pilot.press("escape")
        await pilot.press("exclamation_mark")
        assert isinstance(app.screen, ErrorPage)
        assert app.screen.error is error


async def test_background_work_that_fails_is_shown(isolated_home: Path) -> None:
    app = console(isolated_home)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        screen = app.screen

        def divide() -> float:
            return 1 / 0

        for begin in (
            lambda: screen.run_in_thread(divide),  # type: ignore[attr-defined]
            lambda: app.run_worker(in_thread(divide), exit_on_error=False),
        ):
            begin()
            for _ in range(100):
                await pilot.pause(0.02)
                if isinstance(app.screen, ErrorPage):
                    break
            assert isinstance(app.screen, ErrorPage)
            assert isinstance(app.screen.error, ZeroDivisionError)
            await pilot.press("escape")


async def test_questions_are_answered_by_key(isolated_home: Path) -> None:
    app = console(isolated_home)
    answers: list[object] = []
    async with app.run_test(size=(80, 24)) as pilot:
        for key in ("y", "n", "escape", "enter"):
            app.push_screen(YesNo("Remove it?", "Two files go."), answers.append)
            await pilot.pause()
            await pilot.press(key)
            await pilot.pause()
        assert answers == [True, None, None, True]
        question = TextQuestion("Rate", check=lambda text: "" if text == "1e-3" else "no number")
        app.push_screen(question, answers.append)
        await pilot.pause()
        await pilot.press("q", "enter")
        await pilot.pause()
        assert app.screen is question, "a wrong answer is not taken"
        question.query_one(Input).value = "1e-3"
        await pilot.press("enter")
        await pilot.pause()
        assert answers[-1] == "1e-3"


def test_copying_reaches_the_terminal_through_tmux() -> None:
    assert clipboard_sequences("é", {}) == ["\x1b]52;c;w6k=\x07"]
    plain, wrapped = clipboard_sequences("é", {"TMUX": "/tmp/tmux"})
    assert wrapped == "\x1bPtmux;\x1b" + plain + "\x1b\\"


def test_damaged_preferences_are_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    for text in ("", "[]", '{"look": 3}', '{"look": {"theme": 3}}', "\x00"):
        path.write_text(text)
        assert Preferences(path).get("look", "theme", "dark") == "dark"
    preferences = Preferences(path)
    preferences.set("live", "grid", [2, 3])
    preferences.save()
    assert Preferences(path).get("live", "grid", [1, 1]) == [2, 3]


def test_a_list_that_grows_is_kept_again(tmp_path: Path) -> None:
    path = tmp_path / "console.json"
    preferences, pins = Preferences(path), ["train/loss"]
    for name in ("val/loss", "val/median_m"):
        preferences.set("live", "pins", pins)
        preferences.save()
        pins.append(name)
    preferences.set("live", "pins", pins)
    preferences.save()
    assert Preferences(path).get("live", "pins", []) == ["train/loss", "val/loss", "val/median_m"]


@pytest.mark.parametrize("key", ["o", "question_mark", "ctrl+t", "ctrl+p"])
async def test_one_line_one_column_and_back(isolated_home: Path, key: str) -> None:
    app = console(isolated_home)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press(key)
        await pilot.pause()
        for size in ((200, 1), (1, 60), (1, 1), (100, 30)):
            await pilot.resize_terminal(*size)
            # Pages cannot be turned where no line fits.
            await pilot.press("pagedown")
            await pilot.pause()
            # A scroll bar of a whole screen comes and goes for ever where it takes the last line.
            assert not any(s.show_vertical_scrollbar for s in app.screen_stack)
            assert app.screen.styles.overflow_y == "hidden"
        await pilot.press("escape")
        await pilot.pause()
        assert app.current_mode == "runs"
