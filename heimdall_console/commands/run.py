"""`run`: train, evaluate, export and register."""

import sys
from pathlib import Path

import typer

from heimdall_console.commands.shared_options import dataset_names, run_names
from heimdall_console.lazy_command import SpellingCommand
from heimdall_console.run_flags import default_of

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXAMPLES = """\
Examples:

\b
  heimdall-console run --config run.toml
  heimdall-console run --config run.toml --epochs 20 --set model.receiver_set_net.width=128
  heimdall-console run --data-dir campus --max-minutes 5 --json
  heimdall-console run --resume-training --checkpoint @last
  heimdall-console run --export-only --checkpoint @last

Flags may also be written with underscores (--batch_size). Exit codes: 0 done, 1 failed,
2 usage or configuration, 3 diverged, 4 stopped, 130 interrupted.
"""


def _help(text: str, flag: str) -> str:
    return f"{text}  [default: {default_of(flag)}]"


@app.command(cls=SpellingCommand, epilog=_EXAMPLES)
def run(
    config: Path | None = typer.Option(None, "--config", "-c", help="Configuration (TOML)."),
    set_values: list[str] | None = typer.Option(
        None, "--set", metavar="SECTION.KEY=VALUE", help="Replace a value; may be repeated."
    ),
    data_dir: str | None = typer.Option(
        None, help="Dataset: a directory, or a name of this home.", autocompletion=dataset_names
    ),
    epochs: int | None = typer.Option(
        None, help=_help("Passes over the training split.", "epochs")
    ),
    batch_size: int | None = typer.Option(None, help=_help("Examples a batch.", "batch_size")),
    learning_rate: float | None = typer.Option(
        None, "--learning-rate", "--lr", help=_help("Learning rate.", "learning_rate")
    ),
    validation_split: float | None = typer.Option(
        None,
        "--validation-split",
        "--val-split",
        help=_help("Share of sessions that validate.", "validation_split"),
    ),
    num_workers: int | None = typer.Option(None, help=_help("Loader processes.", "num_workers")),
    accelerator: str | None = typer.Option(
        None,
        help=_help("cpu, gpu or auto.", "accelerator"),
        autocompletion=lambda: ["auto", "cpu", "gpu"],
    ),
    devices: int | None = typer.Option(None, help=_help("How many devices.", "devices")),
    max_minutes: float | None = typer.Option(
        None, help=_help("End after this time, with a checkpoint; 0 has no limit.", "max_minutes")
    ),
    checkpoint_dir: Path | None = typer.Option(
        None, help="Folder for checkpoints; the run's own when left out."
    ),
    checkpoint: str | None = typer.Option(
        None,
        help="Checkpoint to resume or export: a file, a run's id or @last.",
        autocompletion=run_names,
    ),
    resume_training: bool = typer.Option(
        False, "--resume-training", help="Go on with the run of --checkpoint (or the last run)."
    ),
    export_only: bool = typer.Option(
        False, "--export-only", help="Export and register --checkpoint; train nothing."
    ),
    init_from: str | None = typer.Option(
        None,
        help="Start a new run from the weights of a checkpoint: a file, a run's id or @last.",
        autocompletion=run_names,
    ),
    experiment_name: str | None = typer.Option(
        None, help=_help("Experiment of the run.", "experiment_name")
    ),
    run_name_prefix: str | None = typer.Option(
        None, help=_help("Start of the run's name; the time follows.", "run_name_prefix")
    ),
    name: str | None = typer.Option(None, help="Whole name of the run instead."),
    json: bool = typer.Option(
        False, "--json", help="Print every record as a JSON line, then a summary."
    ),
) -> None:
    """Train, evaluate, export and register a model."""
    from heimdall_console import training

    flags = {
        "data_dir": data_dir,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "validation_split": validation_split,
        "num_workers": num_workers,
        "accelerator": accelerator,
        "devices": devices,
        "max_minutes": max_minutes,
        "checkpoint_dir": None if checkpoint_dir is None else str(checkpoint_dir.absolute()),
        "experiment_name": experiment_name,
        "run_name_prefix": run_name_prefix,
        "init_from": init_from,
    }
    request = training.Request(config, set_values or [], flags, checkpoint, name or "", json)
    if resume_training and export_only:
        raise typer.BadParameter("--resume-training and --export-only exclude each other")
    if export_only:
        code = training.export_checkpoint(request)
    elif resume_training:
        code = training.resume(request)
    else:
        code = training.train(request)
    sys.stdout.flush()
    raise typer.Exit(code)
