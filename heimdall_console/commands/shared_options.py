"""Options and completions that several commands have."""

import typer

MODEL_HELP = "An .onnx file, a registered model as name@alias or name@v3"
DATASET_HELP = "Dataset: a directory, or a name of this home."

TRACKING_URI = typer.Option(
    "", help="MLflow that knows registered models; the home's when left out."
)
STORAGE_ENDPOINT = typer.Option(
    "",
    help="Object store that holds registered models; the one that the version names, or the "
    "home's, when left out.",
)
BUCKET = typer.Option("heimdall-models", help="Bucket of the object store.")
REGION = typer.Option("us-east-1", help="Region of the bucket.")

JSON = typer.Option(False, "--json", help="Print JSON.")
NAME = typer.Option(None, help="Name of the dataset in this home.")
OUT = typer.Option(None, help="Directory to make instead of a name in this home.")
OVERWRITE = typer.Option(False, "--overwrite", help="Replace an existing dataset.")


def dataset_names() -> list[str]:
    """Datasets of this home, for completion."""
    from training_core.contract.datasets import list_datasets
    from training_core.contract.home import home_path

    return list_datasets(home_path())


def run_names() -> list[str]:
    """Runs of this home, the newest first, for completion."""
    from training_core.contract.home import home_path, runs_folder

    folder = runs_folder(home_path())
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return ["@last", *sorted((n for n in names if not n.startswith(".")), reverse=True)]


def living_run_names() -> list[str]:
    """Runs whose worker lives, the newest first, for completion."""
    from training_core.contract.home import home_path, runs_folder
    from training_core.contract.lock import is_locked

    folder = runs_folder(home_path())
    names = run_names()[1:]
    return ["@last", *(name for name in names if is_locked(folder / name / "worker.lock"))]


RUN_HELP = "A run's id, the unique start of one, or @last."
RUN = typer.Argument(..., metavar="RUN", help=RUN_HELP, autocompletion=run_names)
LIVING_RUN = typer.Argument(..., metavar="RUN", help=RUN_HELP, autocompletion=living_run_names)
RUNS = typer.Argument(None, metavar="[RUN]...", help=RUN_HELP, autocompletion=run_names)
YES = typer.Option(False, "--yes", "-y", help="Do not ask.")
READONLY = typer.Option(
    False, "--readonly", help="Open the console without anything that changes a run or a file."
)
ASCII = typer.Option(False, "--ascii", help="Draw the console with ASCII characters only.")
THEME = typer.Option("", help="Colors of the console: the name of a theme.")
