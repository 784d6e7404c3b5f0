"""`predict`: positions for every session of a dataset."""

import sys
from pathlib import Path

import typer

from heimdall_console.commands.shared_options import (
    BUCKET,
    DATASET_HELP,
    MODEL_HELP,
    REGION,
    STORAGE_ENDPOINT,
    TRACKING_URI,
    dataset_names,
)
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXAMPLES = """\
Examples:

\b
  heimdall-console predict campus@champion campus --out predictions.csv
  heimdall-console predict model.onnx new-recordings/ --out predictions.csv --json
"""


@app.command(cls=SpellingCommand, epilog=_EXAMPLES)
def predict(
    model: str = typer.Argument(help=MODEL_HELP + "."),
    dataset: str = typer.Argument(help=DATASET_HELP, autocompletion=dataset_names),
    out: Path = typer.Option(..., help="CSV file: session, latitude, longitude, covariance in m²."),
    tracking_uri: str = TRACKING_URI,
    storage_endpoint: str = STORAGE_ENDPOINT,
    bucket: str = BUCKET,
    region: str = REGION,
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace an existing file."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Locate the sessions of a dataset with a model, by onnxruntime and without PyTorch."""
    from heimdall_console.formatting import counted, duration, plain
    from heimdall_console.jobs import run_job
    from heimdall_console.model_reference import resolve_model
    from heimdall_console.output import print_json
    from training_core.contract.datasets import resolve_dataset
    from training_core.contract.errors import UsageError
    from training_core.contract.home import home_path
    from training_core.contract.jobs import PredictArguments

    home = home_path()
    target = out.absolute()
    if target.exists() and not overwrite:
        raise UsageError(
            f"{out} exists already",
            unharmed="It was not changed",
            action="Choose another name, or add --overwrite",
        )
    if not target.parent.is_dir():
        raise UsageError(f"There is no folder {out.parent}", action="Make it, or choose another")
    arguments = PredictArguments(
        model=resolve_model(model),
        dataset=resolve_dataset(dataset, home),
        tracking_uri=tracking_uri,
        storage_endpoint=storage_endpoint,
        bucket=bucket,
        region=region,
        out=target,
    )
    result = run_job(home, "predict", arguments, title=f"locating {arguments.dataset.name}")
    if json:
        print_json(result)
        return
    sessions = int(result.get("sessions", 0))
    took = duration(float(result.get("seconds", 0.0)))
    sys.stdout.write(f"Located {counted(sessions, 'session')} in {took}: {plain(out)}\n")
    unheard = int(result.get("sessions_without_known_receiver", 0))
    if unheard:
        text = "was heard by no receiver that the model knows: its position is a guess."
        if unheard > 1:
            text = "were heard by no receiver that the model knows: their positions are guesses."
        sys.stdout.write(f"{counted(unheard, 'session')} {text}\n")
