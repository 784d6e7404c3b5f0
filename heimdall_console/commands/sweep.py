"""`sweep`: try many configurations and keep the best one."""

from pathlib import Path

import typer

from heimdall_console.commands.shared_options import dataset_names
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXAMPLES = """\
Examples:

\b
  heimdall-console sweep --config run.toml --space space.toml
  heimdall-console sweep --config run.toml --space space.toml --trials 50 --workers 2
  heimdall-console sweep --config run.toml --space space.toml --name rates --timeout 120
  heimdall-console sweep --name rates --trials 80
  heimdall-console sweep --config run.toml --space space.toml --name rates --storage postgresql://db/sweeps

A space has one table for each key that is tried:

\b
  ["optimizer.learning_rate"]
  low = 1e-4
  high = 1e-2
  log = true

\b
  ["trainer.batch_size"]
  low = 16
  high = 128
  step = 16

\b
  ["schedule.name"]
  choices = ["cosine", "constant"]

Exit codes: 0 done, 1 failed, 2 usage, configuration or space, 4 stopped (the same --name goes
on), 130 left while the runs were stopping.
"""


@app.command(cls=SpellingCommand, epilog=_EXAMPLES)
def sweep(
    config: Path | None = typer.Option(
        None, "--config", "-c", help="Configuration that every trial changes (TOML)."
    ),
    space: Path | None = typer.Option(
        None, "--space", help="What is tried: a table for each key (TOML)."
    ),
    set_values: list[str] | None = typer.Option(
        None, "--set", metavar="SECTION.KEY=VALUE", help="Replace a value; may be repeated."
    ),
    data_dir: str | None = typer.Option(
        None, help="Dataset: a directory, or a name of this home.", autocompletion=dataset_names
    ),
    name: str = typer.Option(
        "", help="Name of the sweep; one that is there goes on.", autocompletion=lambda: _names()
    ),
    trials: int = typer.Option(20, min=1, help="Trials in all, those of earlier calls included."),
    timeout: float | None = typer.Option(
        None, min=0.0, metavar="MINUTES", help="No trial begins after this time."
    ),
    workers: int = typer.Option(1, min=1, max=256, help="Runs at once on this machine."),
    startup: int = typer.Option(
        5, min=1, help="Trials that are drawn at random, before any is pruned."
    ),
    storage: str = typer.Option(
        "",
        metavar="URL",
        envvar="HEIMDALL_SWEEP_STORAGE",
        help="Database of the study, for several machines; a file of the sweep when left out.",
    ),
    json: bool = typer.Option(
        False, "--json", help="Print what happens as JSON lines, then a summary."
    ),
) -> None:
    """Try many configurations as runs; stop hopeless ones, keep the best."""
    from heimdall_console.starting.request import Request
    from heimdall_console.sweeping.conducting import sweep as conduct
    from heimdall_console.sweeping.search import Limits
    from heimdall_console.sweeping.sweep_making import SweepRequest

    training = Request(config, set_values or [], {"data_dir": data_dir}, None, "", json)
    request = SweepRequest(training, space, name, storage, startup, workers)
    limits = Limits(trials, None if timeout is None else 60.0 * timeout)
    raise typer.Exit(conduct(request, limits, as_json=json))


def _names() -> list[str]:
    from training_core.contract.home import home_path
    from training_core.contract.sweep_dir import sweeps_folder

    folder = sweeps_folder(home_path())
    return sorted((path.name for path in folder.iterdir()), reverse=True) if folder.is_dir() else []
