"""What a person does in a first quarter of an hour, on whatever terminal it is."""

import re
from pathlib import Path

from tests.console.terminal.real_console import RealConsole
from training_core.contract.home import datasets_folder, runs_folder
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogReader
from training_core.contract.run_status import RunStatus, run_status

LONG_EPOCHS = 5000
"""More than there is time for: a person ends the run."""


def runs_of(home: Path) -> list[RunDir]:
    """Every run of a home, oldest first."""
    folder = runs_folder(home)
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [RunDir(folder / name) for name in names if not name.startswith(".")]


def kinds(run: RunDir) -> list[str]:
    """Kinds of the records of a run so far."""
    return [record["kind"] for record in RunLogReader(run.log_path).read_new()]


def configure(console: RealConsole, home: Path) -> None:
    """From an empty home, by the quickstart, to a configuration of one's own."""
    console.wait("Nothing has been trained here yet")
    console.press("Q")
    dataset = datasets_folder(home) / "campus" / "dataset.toml"
    console.wait_until(dataset.is_file, "the dataset is made")
    console.wait("experiment")
    set_field(console, "epochs", LONG_EPOCHS)
    set_field(console, "max_minutes", 0)


def set_field(console: RealConsole, name: str, value: object) -> None:
    """Find a field of the form, give it a value, look at the list again."""
    console.press("/")
    # Letters go where the focus is when they arrive.
    console.wait("/ a part of a name")
    console.read(0.2)
    console.type(name)
    console.wait(lambda text: bool(re.search(rf"▌.? +{name}", text)), f"the field {name}")
    console.press("enter")
    console.wait(lambda text: bool(re.search(rf"▌.? +{name}", text)), f"the field {name}")
    console.press("enter")
    console.read(0.2)
    # Textual obeys keys with a meaning later than it takes letters: nobody types that fast.
    console.press("ctrl+u")
    console.wait(lambda text: bool(re.search(rf"{name} +\[ +[\]▏]?", text)), f"{name} is empty")
    console.type(str(value))
    console.press("enter")
    console.wait(lambda text: bool(re.search(rf"{name} [^\n]*{value}", text)), f"{name} = {value}")
    console.press("escape")
    console.wait(lambda text: f"/ {name}" not in text, "every field is shown again")


def launch(console: RealConsole, home: Path) -> RunDir:
    """Launch what is configured, and watch it until it trains."""
    before = len(runs_of(home))
    console.press("ctrl+r")
    console.wait_until(lambda: len(runs_of(home)) > before, "the run is made")
    run = runs_of(home)[-1]
    console.wait_until(lambda: run_status(run) is RunStatus.RUNNING, "it trains")
    console.wait(lambda text: "● running" in text and "val/loss" in text, "its curves")
    return run


def save_checkpoint(console: RealConsole, run: RunDir) -> None:
    """Ask for a checkpoint, and see that it is there."""
    console.press("c")
    console.wait_until(lambda: any(run.checkpoints.glob("*-request.ckpt")), "a checkpoint")
    console.wait("-request")


def stop(console: RealConsole, run: RunDir) -> None:
    """Stop the run with a checkpoint, now."""
    console.press("s")
    console.wait("Now, with a checkpoint")
    console.press("n", "enter")
    console.wait_until(lambda: run_status(run) is RunStatus.STOPPED, "it has stopped")
    console.wait("■ stopped")


def resume(console: RealConsole, run: RunDir) -> None:
    """Go on with the same run."""
    console.press("r")
    console.wait("Epochs in all")
    console.press("enter")
    console.wait_until(lambda: "resumed" in kinds(run), "it is resumed")
    console.wait_until(lambda: run_status(run) is RunStatus.RUNNING, "it trains again")
    console.wait("● running")


def compare(console: RealConsole) -> None:
    """Mark two runs, and see what differs."""
    console.press("f1")
    console.wait("by started")
    # A mark moves the cursor on.
    console.press("space", "space", "c")
    console.wait(
        lambda text: "optimizer.learning_rate" in text and "0.0005" in text, "the difference"
    )
