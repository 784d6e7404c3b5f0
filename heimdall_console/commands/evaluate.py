"""`evaluate`: a model's errors in meters, beside methods without a network."""

import sys
from pathlib import Path

import typer

from heimdall_console.commands.shared_options import (
    BUCKET,
    DATASET_HELP,
    REGION,
    STORAGE_ENDPOINT,
    TRACKING_URI,
    dataset_names,
    run_names,
)
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXAMPLES = """\
Examples:

\b
  heimdall-console evaluate @last campus
  heimdall-console evaluate campus@champion campus --split val --json
  heimdall-console evaluate @last campus --html campus.html
"""


@app.command(cls=SpellingCommand, epilog=_EXAMPLES)
def evaluate(
    model: str = typer.Argument(
        help="A .ckpt or .onnx file, a run's id or @last (its best checkpoint), or name@alias.",
        autocompletion=run_names,
    ),
    dataset: str = typer.Argument(help=DATASET_HELP, autocompletion=dataset_names),
    split: str = typer.Option(
        "test", help="test, val or train.", autocompletion=lambda: ["test", "val", "train"]
    ),
    split_name: str = typer.Option(
        "", help="Split by name; the one of the model's training when left out."
    ),
    seed: int | None = typer.Option(None, help="Seed of the split; the training's otherwise."),
    quick: bool = typer.Option(
        False, "--quick", help="Leave out the methods that take more than a moment."
    ),
    html: Path | None = typer.Option(None, help="Write a page with plots, for a browser."),
    tracking_uri: str = TRACKING_URI,
    storage_endpoint: str = STORAGE_ENDPOINT,
    bucket: str = BUCKET,
    region: str = REGION,
    ascii_only: bool = typer.Option(False, "--ascii", help="Draw with ASCII characters."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Measure a checkpoint or model beside the methods without a network, on the same rows."""
    from heimdall_console.evaluation_text import evaluation_lines
    from heimdall_console.jobs import run_job
    from heimdall_console.model_reference import resolve_model_or_checkpoint
    from heimdall_console.output import print_json
    from heimdall_console.terminal import Terminal
    from training_core.contract.datasets import resolve_dataset
    from training_core.contract.errors import UsageError
    from training_core.contract.home import home_path
    from training_core.contract.jobs import EvaluateArguments

    if split not in ("train", "val", "test"):
        raise UsageError(
            f"A split has no part {split}",
            unharmed="Nothing was started",
            action="Choose train, val or test; --split-name names another split",
        )
    home = home_path()
    arguments = EvaluateArguments.model_validate(
        {
            "model": resolve_model_or_checkpoint(model, home),
            "dataset": resolve_dataset(dataset, home),
            "split": split,
            "split_name": split_name,
            "seed": seed,
            "quick": quick,
            "html": html.absolute() if html else None,
            "tracking_uri": tracking_uri,
            "storage_endpoint": storage_endpoint,
            "bucket": bucket,
            "region": region,
        }
    )
    result = run_job(home, "evaluate", arguments, title=f"evaluating on {arguments.dataset.name}")
    # Thousands of sessions: the job's result.json keeps them.
    result.pop("positions", None)
    if json:
        print_json(result)
        return
    lines = evaluation_lines(result, model, Terminal.of(sys.stdout), ascii_only=ascii_only)
    sys.stdout.write("\n".join(lines) + "\n")
