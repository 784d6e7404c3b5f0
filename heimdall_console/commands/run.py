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
  heimdall-console run --config run.toml --preflight
  heimdall-console run --config run.toml --overfit-batch --steps 500
  heimdall-console run --config run.toml --detach
  heimdall-console run --from @last --set optimizer.learning_rate=5e-4 --queue
  heimdall-console run --resume @last --epochs 50
  heimdall-console run --export-only --checkpoint @last

Flags may also be written with underscores (--batch_size). Exit codes: 0 done, 1 failed,
2 usage or configuration, 3 diverged, 4 stopped, 130 interrupted.
"""

_EXCLUSIVE = (
    ("--resume", "--resume-training", "--export-only", "--preflight", "--overfit-batch"),
    ("--detach", "--prepare", "--queue", "--export-only", "--preflight", "--overfit-batch"),
    ("--from", "--resume", "--resume-training", "--export-only"),
    ("--from", "--config"),
    ("--checkpoint", "--resume"),
    ("--checkpoint", "--preflight", "--overfit-batch"),
    ("--name", "--preflight", "--overfit-batch"),
)
"""Of each group one flag may be given; --after counts as --queue."""


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
    from_run: str | None = typer.Option(
        None,
        "--from",
        metavar="RUN",
        help="Repeat a run as a new one, with what else is given here changed.",
        autocompletion=run_names,
    ),
    resume: str | None = typer.Option(
        None,
        metavar="RUN|CHECKPOINT",
        help="Go on with a run from its last checkpoint, or from this one; --epochs may differ.",
        autocompletion=run_names,
    ),
    detach: bool = typer.Option(
        False, "--detach", "-d", help="Print the run's id and leave it training."
    ),
    prepare: bool = typer.Option(
        False, "--prepare", help="Make the run's directory and say what starts it."
    ),
    queue: bool = typer.Option(
        False, "--queue", help="Start it when the devices that it asks for are free."
    ),
    after: str | None = typer.Option(
        None,
        metavar="RUN",
        help="With --queue: not before this run has ended, however it ends.",
        autocompletion=run_names,
    ),
    checkpoint: str | None = typer.Option(
        None,
        help="Checkpoint for --export-only: a file, a run's id or @last.",
        autocompletion=run_names,
    ),
    resume_training: bool = typer.Option(
        False, "--resume-training", help="The same as --resume with --checkpoint.", hidden=True
    ),
    export_only: bool = typer.Option(
        False, "--export-only", help="Export and register --checkpoint; train nothing."
    ),
    preflight: bool = typer.Option(
        False,
        "--preflight",
        help="Try it first: a real step, memory, time, disk, servers. Makes no run.",
    ),
    overfit_batch: bool = typer.Option(
        False, "--overfit-batch", help="See whether the model can learn one batch. Makes no run."
    ),
    steps: int | None = typer.Option(
        None, min=10, max=100_000, help="Steps of --overfit-batch.  [default: 300]"
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
    from heimdall_console.starting.request import Request

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
    given: dict[str, object] = {
        "--config": config,
        "--from": from_run,
        "--resume": resume,
        "--resume-training": resume_training,
        "--checkpoint": checkpoint,
        "--name": name,
        "--export-only": export_only,
        "--preflight": preflight,
        "--overfit-batch": overfit_batch,
        "--detach": detach,
        "--prepare": prepare,
        "--queue": queue or after,
    }
    typed = {"--queue": "--queue" if queue else "--after"}
    for group in _EXCLUSIVE:
        chosen = [typed.get(flag, flag) for flag in group if given[flag]]
        if len(chosen) > 1:
            raise typer.BadParameter(f"{' and '.join(chosen)} exclude each other")
    is_trial = preflight or overfit_batch
    if steps is not None and not overfit_batch:
        raise typer.BadParameter("--steps belongs to --overfit-batch")
    way: training.Way = "follow"
    if queue or after:
        way = "queue"
    elif detach or prepare:
        way = "detach" if detach else "prepare"
    request = Request(config, set_values or [], flags, checkpoint, name or "", json)
    if is_trial:
        from heimdall_console import preflight as trials

        if preflight:
            code = trials.preflight(request, from_run or "")
        else:
            code = trials.overfit_batch(request, from_run or "", steps)
    elif export_only:
        code = training.export_checkpoint(request)
    elif resume or resume_training:
        reference = resume or checkpoint or "@last"
        code = training.resume(request, reference, way, after=after or "")
    else:
        code = training.train(request, way, repeat=from_run or "", after=after or "")
    sys.stdout.flush()
    raise typer.Exit(code)
