"""The screen Configure: form and text in step, files, drafts, trials, launching, queueing."""

import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import psutil
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from heimdall_console import launcher, queue
from heimdall_console.app import HeimdallApp
from heimdall_console.config_drafts import drafts_folder
from heimdall_console.config_fields import config_fields
from heimdall_console.queue import waiting
from heimdall_console.run_index import list_runs
from heimdall_console.screens.configure import ConfigureScreen
from heimdall_console.screens.dialogs.changes_page import ChangesPage
from heimdall_console.screens.dialogs.error_page import ErrorPage
from heimdall_console.screens.dialogs.offer_picker import OfferPicker
from heimdall_console.screens.dialogs.text_question import TextQuestion
from heimdall_console.screens.dialogs.yes_no import YesNo
from heimdall_console.starting.run_making import make_run
from heimdall_console.widgets.choices import Choices
from heimdall_console.widgets.key_hints import KeyHints
from heimdall_console.widgets.link_line import LinkLine
from tests.conftest import home_of
from tests.console.programs import TIMEOUT_S, fake_command, write_dataset
from training_core.contract.config import Config
from training_core.contract.run_dir import RunDir, find_run
from training_core.contract.run_status import run_status

SIZE = (120, 40)
DATASET = config_fields()["data.dataset"]


@pytest.fixture
def home(isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with one dataset and one run, whose workers are fake."""
    write_dataset(isolated_home / "datasets" / "site")
    monkeypatch.setattr(launcher, "WORKER", "tests.console.fake_trial_worker")
    monkeypatch.setattr(queue, "SCHEDULER", "tests.console.scheduler_with_fake_worker")
    monkeypatch.setenv("FAKE_WORKER_PLAN", '{"epochs": 1}')
    values = {"data": {"dataset": "site"}, "tracking": {"enabled": False}}
    make_run(Config.model_validate(values), None, isolated_home, name="[red]parent")
    yield isolated_home
    for process in psutil.process_iter():
        if home_of(process) == str(isolated_home) and process.pid != psutil.Process().pid:
            process.kill()


async def until(pilot: Pilot[str], is_true: Callable[[], object], what: str) -> None:
    for _ in range(int(TIMEOUT_S / 0.02)):
        if is_true():
            await pilot.pause()
            return
        await pilot.pause(0.02)
    screen = pilot.app.screen
    raise AssertionError(f"never happened: {what}; {screen} {getattr(screen, 'error', '')}")


async def shown(pilot: Pilot[str], from_run: str = "") -> ConfigureScreen:
    """The screen, with a document in it."""
    app = cast("HeimdallApp", pilot.app)
    app.show_configure(from_run)
    await until(
        pilot,
        lambda: isinstance(app.screen, ConfigureScreen) and app.screen.document is not None,
        "the document is shown",
    )
    return cast("ConfigureScreen", app.screen)


async def set_field(pilot: Pilot[str], screen: ConfigureScreen, key: str, text: str) -> None:
    """Type into a field, as a person does."""
    screen.form.rows.go_to(key)
    await pilot.press("enter")
    assert screen.form.editor.has_focus
    screen.form.editor.value = ""
    for character in text:
        await pilot.press({"-": "minus", ".": "full_stop"}.get(character, character))
    await pilot.pause()


def text_of(screen: ConfigureScreen, name: str) -> str:
    return str(screen.query_one(name, Static).render())


def text_of_line(screen: ConfigureScreen, name: str) -> str:
    return str(screen.query_one(name, LinkLine).render())


def hints(screen: ConfigureScreen) -> str:
    return str(screen.query_one(KeyHints).render()).strip()


async def test_form_text_and_files_are_one_document(home: Path, tmp_path: Path) -> None:
    app = HeimdallApp(home, host="gpu-07")
    async with app.run_test(size=SIZE) as pilot:
        screen = await shown(pilot)
        document = screen.document
        assert document is not None
        before = document.text
        assert document.flat["data.dataset"] == "site", "the only one that there is"
        assert not document.changes

        # Typing into a field changes that value in the text, and marks it.
        await set_field(pilot, screen, "optimizer.learning_rate", "2e-3")
        await pilot.press("enter")
        assert document.text == before.replace("learning_rate = 0.001", "learning_rate = 2e-3")
        assert screen.editor.text == document.text
        assert "learning_rate 0.001 → 0.002" in text_of(screen, "#config-changes")
        assert "--set optimizer.learning_rate=0.002" in text_of(screen, "#config-command")

        # What is wrong says so at its field; function keys work inside it, escape leaves it.
        await set_field(pilot, screen, "trainer.epochs", "ten")
        assert document.problem_of("trainer.epochs") == 'expected a valid integer, found "ten"'
        assert "expected a valid integer" in text_of(screen, "#config-help")
        assert "expected&#160;a&#160;valid" in app.export_screenshot()
        await pilot.press("f1")
        assert app.current_mode == "runs"
        await pilot.press("2")
        await pilot.pause()
        assert document.flat["trainer.epochs"] == "ten", "nothing typed is lost"
        await pilot.press("ctrl+r")
        await pilot.pause()
        assert len(list_runs(home)) == 1, "nothing is started with a problem"
        assert screen.form.field is not None
        assert screen.form.field.key == "trainer.epochs"
        await pilot.press("r")
        assert document.flat["trainer.epochs"] == 100
        await pilot.press("u")
        assert document.flat["trainer.epochs"] == "ten"
        await pilot.press("U", "u", "u")
        assert document.flat["trainer.epochs"] == 100

        # Choices and switches; searching; folding; only what has changed.
        screen.form.rows.go_to("trainer.precision")
        await pilot.press("space")
        assert document.flat["trainer.precision"] == "bf16-mixed"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OfferPicker), "choices are offered")
        await pilot.press("down", "enter")
        await until(
            pilot, lambda: document.flat["trainer.precision"] == "16-mixed", "one is chosen"
        )
        await pilot.press("left", "left", "slash", *"sigma", "enter")
        assert [line.key for line in screen.form.rows.lines if line.field] == [
            "model.receiver_set_net.sigma_floor_m",
            "model.localization_net.sigma_floor_m",
        ]
        await pilot.press("escape", "c")
        assert [line.key for line in screen.form.rows.lines if line.field] == [
            "optimizer.learning_rate"
        ]
        await pilot.press("c", "F")
        assert all(line.field is None for line in screen.form.rows.lines)
        await pilot.press("F")

        # The text: printable keys are its own; what is no TOML has its line marked.
        await pilot.press("t")
        assert screen.editor.has_focus
        screen.editor.move_cursor((0, 0))
        await pilot.press("q", "2")
        await until(pilot, lambda: not document.is_toml, "the text is read")
        assert document.problems[0].line == 1
        assert "line 1: is not TOML" in text_of(screen, "#config-help")
        assert document.flat["optimizer.learning_rate"] == 2e-3, "the last good state stays"

        # The footer names only the keys that are not letters; one takes back what was typed.
        assert (
            hints(screen)
            == "esc leave  ctrl+r launch  f9 form/toml  ctrl+s save  ctrl+p all actions"
        )
        await pilot.press("ctrl+z")
        assert screen.editor.text == before.replace("learning_rate = 0.001", "learning_rate = 2e-3")
        await pilot.press("ctrl+y")
        await until(pilot, lambda: not document.is_toml, "it is typed again")
        await pilot.press("escape")
        assert "p preflight" in hints(screen)
        screen.form.rows.go_to("data.signal")
        await pilot.press("space")
        assert document.flat["data.signal"] is True, "a broken text is not touched"
        await pilot.press("f8")
        assert screen.editor.has_focus
        await pilot.press("delete", "delete")
        await pilot.press("f9")
        assert document.is_toml

        # Saving asks once.
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, TextQuestion), "a file is asked for")
        file = tmp_path / "mine.toml"
        app.screen.query_one(Input).value = str(file)
        await pilot.press("enter")
        await until(pilot, lambda: not document.is_unsaved, "it is saved")
        assert file.read_text() == document.text
        assert document.command() == ("heimdall-console", "run", "--config", str(file))
        await set_field(pilot, screen, "run.seed", "7")
        await pilot.press("enter")
        file.write_text("# somebody else")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, YesNo), "replacing is asked about")
        await pilot.press("y")
        await until(pilot, lambda: not document.is_unsaved, "it is saved again")
        assert "seed = 7" in file.read_text()


async def test_a_dataset_that_is_not_there_says_so_at_its_field(home: Path) -> None:
    """While it is typed, in the form and in the text; one that comes is found again."""
    app = HeimdallApp(home, host="gpu-07")
    async with app.run_test(size=SIZE) as pilot:
        screen = await shown(pilot)
        document = screen.document
        assert document is not None
        screen.change(lambda document: document.set_literal(DATASET, '"sit"'))
        await until(pilot, lambda: document.problem_of("data.dataset"), "it is looked for")
        screen.form.rows.go_to("data.dataset")
        await pilot.pause()
        said = "there is no dataset sit; did you mean site?"
        assert text_of(screen, "#config-help").startswith(f"{said} Directory of the dataset")
        assert "there is no dataset sit" in app.export_screenshot().replace("&#160;", " ")
        assert "✗ 1 problem" in text_of_line(screen, "#config-title")

        await pilot.press("t")
        line = document.text.splitlines().index('dataset = "sit"') + 1
        assert text_of(screen, "#config-help").strip() == f"line {line}: data.dataset: {said}"
        assert screen.editor.get_line(line - 1).spans[-1].style.underline  # type: ignore[union-attr]  # a Style
        await pilot.press("escape", "n")
        assert screen.form.field is not None
        assert screen.form.field.key == "data.dataset"

        # It is made meanwhile; coming back to the screen is enough.
        write_dataset(home / "datasets" / "sit")
        await pilot.press("1", "2")
        await until(pilot, lambda: not document.problems, "it is found")
        assert "problem" not in text_of_line(screen, "#config-title")


async def test_a_run_is_changed_launched_and_queued(home: Path) -> None:
    parent = find_run(home, "@last")
    app = HeimdallApp(home, host="gpu-07")
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await until(pilot, lambda: app.runs, "the runs are read")
        screen = await shown(pilot, parent.id)
        assert screen.document is not None
        assert "[red]parent" in app.export_screenshot().replace("&#160;", " ")

        # A launch that is refused shows why at the field.
        screen.form.rows.go_to("data.dataset")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, OfferPicker), "datasets are offered")
        assert "1,200" in app.export_screenshot()
        await pilot.press("end", *"another", "enter")
        await until(pilot, lambda: screen.form.editor.has_focus, "a path can be typed")
        screen.form.editor.value = "/nowhere"
        await pilot.pause()
        await pilot.press("enter")
        screen.form.rows.go_to("run.seed")
        await pilot.press("ctrl+r")
        await until(
            pilot,
            lambda: screen.document and screen.document.problem_of("data.dataset"),
            "it is refused",
        )
        assert "there is no dataset" in screen.document.problem_of("data.dataset")
        assert screen.form.field is not None
        assert screen.form.field.key == "data.dataset"
        assert len(list_runs(home)) == 1
        await pilot.press("r")

        # What differs: from the run, from the preset.
        await set_field(pilot, screen, "optimizer.learning_rate", "0.5")
        await pilot.press("enter", "d")
        await until(pilot, lambda: isinstance(app.screen, ChangesPage), "differences are shown")
        await pilot.press("right", "left", "enter")
        await until(pilot, lambda: app.screen is screen, "the field is shown")
        command = screen.document.command()
        assert command[2:] == ("--from", parent.id, "--set", "optimizer.learning_rate=0.5")

        # The queue, then at once; both are the run that the command line makes.
        await pilot.press("Q")
        await until(pilot, lambda: isinstance(app.screen, OfferPicker), "devices are offered")
        await pilot.press("down", "enter")
        await pilot.pause()
        await until(pilot, lambda: isinstance(app.screen, OfferPicker), "runs are offered")
        await pilot.press("down", "enter")
        await until(pilot, lambda: len(list_runs(home)) == 2, "it waits")
        queued = find_run(home, "@last")
        await until(
            pilot,
            lambda: screen.document and screen.document.origin.name == queued.id,
            "the next changes are changes of it",
        )
        assert [entry.after for entry in waiting(home) if entry.run_id == queued.id] == [parent.id]
        assert queued.read_info().changes == {
            "optimizer.learning_rate": [0.001, 0.5],
            "trainer.accelerator": ["auto", "cpu"],
        }
        await set_field(pilot, screen, "run.seed", "9")
        words = screen.document.command()
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.current_mode == "live", "the screen Live shows it")
        launched = find_run(home, "@last")
        assert app.selection.run_ids == (launched.id,)
        assert launched.read_info().parent == queued.id
        assert launched.read_info().changes == {"run.seed": [42, 9]}
        await until(pilot, lambda: run_status(launched).has_ended, "it trains")
    made = subprocess.run(
        fake_command({}, *shlex.split(shlex.join(words))[1:], "--prepare"),
        capture_output=True,
        text=True,
        check=True,
    )
    by_shell = RunDir(home / "runs" / made.stdout.strip()).read_info()
    assert by_shell.config_hash == launched.read_info().config_hash


async def test_trials_are_followed_and_cancelled(home: Path) -> None:
    parent = find_run(home, "@last")
    app = HeimdallApp(home, host="gpu-07", ascii_only=True)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await shown(pilot, parent.id)
        await pilot.press("p")
        await until(pilot, lambda: screen.panel.border_subtitle == "ready, with 1 warning", "done")
        seen = str(screen.panel.query_one(Static).render())
        for text in ("cpu, 2 threads", "Little is left [red]x.", "Lower trainer.batch_size."):
            assert text in seen
        await pilot.press("escape")
        assert not screen.panel.display
        drawn = set(app.export_screenshot().replace("&#160;", " "))
        # The scroll bar is Textual's.
        assert {c for c in drawn if not c.isascii()} <= set("▁▂▃▄▅▆▇█")
        await pilot.press("ctrl+p", "down")
        await pilot.pause()
        lines = [app.screen.query_one(Choices).render_line(y).text[:8] for y in (0, 1)]
        assert lines == [" Launch ", ">Preflig"]
        await pilot.press("escape")

        await set_field(pilot, screen, "data.num_workers", "7")
        assert screen.panel.border_title == "preflight before the last change"
        assert screen.panel.border_subtitle == "was ready"
        await pilot.press("enter", "p")
        await until(
            pilot,
            lambda: "load data  25 %" in str(screen.panel.query_one(Static).render()),
            "it is at work",
        )
        screen.panel.show_gpus(["GPU 0: held by [red]ada"])
        assert "held by [red]ada" in str(screen.panel.query_one(Static).render())
        await pilot.press("x")
        await until(
            pilot,
            lambda: "Cancelled." in str(screen.panel.query_one(Static).render()),
            "it is cancelled",
        )
        await pilot.press("escape")
        await set_field(pilot, screen, "data.num_workers", "8")
        await pilot.press("enter", "b")
        await until(pilot, lambda: isinstance(app.screen, ErrorPage), "it fails")
        assert "The trial broke" in app.export_screenshot().replace("&#160;", " ")


async def test_what_a_check_found_shows_while_the_next_one_is_made(home: Path) -> None:
    parent = find_run(home, "@last")
    app = HeimdallApp(home, host="gpu-07")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await shown(pilot, parent.id)

        def rows() -> list[str]:
            return str(screen.panel.query_one(Static).render()).splitlines()

        await set_field(pilot, screen, "data.num_workers", "6")
        await pilot.press("enter", "p")
        await until(pilot, lambda: any("load data  25 %" in row for row in rows()), "it is seen")
        assert [row.split()[:2] for row in rows()[:3]] == [
            ["✓", "device"],
            ["▸", "dataset"],
            ["·", "training"],
        ]
        assert "cpu, 2 threads" in rows()[0]

        (job,) = (home / "jobs").iterdir()
        (job / "go-on").touch()
        await until(pilot, lambda: screen.panel.border_subtitle == "ready, with 1 warning", "done")


async def test_what_is_unsaved_is_offered_again(home: Path) -> None:
    parent = find_run(home, "@last")
    app = HeimdallApp(home, host="gpu-07")
    async with app.run_test(size=SIZE) as pilot:
        screen = await shown(pilot, parent.id)
        await set_field(pilot, screen, "run.seed", "11")
        await pilot.press("escape", "q")
    app = HeimdallApp(home, host="gpu-07")
    async with app.run_test(size=SIZE) as pilot:
        app.show_configure()
        await until(pilot, lambda: isinstance(app.screen, YesNo), "the draft is offered")
        assert "run.seed 42 → 11" in app.export_screenshot().replace("&#160;", " ")
        await pilot.press("y")
        await until(
            pilot,
            lambda: (
                isinstance(app.screen, ConfigureScreen)
                and app.screen.document is not None
                and app.screen.document.flat["run.seed"] == 11
            ),
            "it goes on",
        )
        screen = cast("ConfigureScreen", app.screen)

        # Another run is shown: what was being changed is laid aside, not lost.
        app.show_configure(parent.id)
        await until(
            pilot,
            lambda: screen.document is not None and not screen.document.changes,
            "the run is shown",
        )
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, OfferPicker), "beginnings are offered")
        await pilot.press("enter")
        await until(
            pilot,
            lambda: screen.document is not None and screen.document.flat["run.seed"] == 11,
            "the draft is taken again",
        )
        # A configuration that only MLflow has.
        app.show_configure(text="[trainer]\nepochs = 3\n")
        await until(
            pilot,
            lambda: screen.document is not None and screen.document.flat["trainer.epochs"] == 3,
            "the text is shown",
        )
        assert "--set trainer.epochs=3" in text_of(screen, "#config-command")


async def test_reading_only_starts_nothing_and_small_terminals_show_all(home: Path) -> None:
    app = HeimdallApp(home, host="gpu-07", readonly=True)
    app.preferences.set("configure", "folded", [{"a": 1}, "radio"])
    async with app.run_test(size=(60, 20)) as pilot:
        screen = await shown(pilot)
        await pilot.press("ctrl+r", "p", "Q", "b")
        await pilot.pause()
        assert app.screen is screen
        assert len(list_runs(home)) == 1
        said = [toast.message for toast in app._notifications]
        assert said[0] == "This console only reads: launch is not possible"
        assert len(said) == 4
        await set_field(pilot, screen, "run.seed", "8")
        await pilot.press("escape", "G")
        assert screen.form.field is not None
        assert screen.form.field.key == "export.alias"
        assert 0 <= screen.form.rows.cursor_y < screen.form.rows.size.height
        await pilot.resize_terminal(200, 50)
        await pilot.pause()
        assert screen.form.display
        assert screen.editor.display
    assert not drafts_folder().exists(), "nothing is written, a draft neither"
