"""What commands share that take a model: where a registered one is looked up."""

import typer

MODEL_HELP = "An .onnx file, a registered model as name@alias or name@v3"
DATASET_HELP = "Dataset: a directory, or a name of this home."

TRACKING_URI = typer.Option(
    "", help="MLflow that knows registered models; the home's when left out."
)
STORAGE_ENDPOINT = typer.Option(
    "", help="Object store that holds registered models; the home's when left out."
)
BUCKET = typer.Option("heimdall-models", help="Bucket of the object store.")
REGION = typer.Option("us-east-1", help="Region of the bucket.")


def dataset_names() -> list[str]:
    """Datasets of this home, for completion."""
    from training_core.contract.datasets import list_datasets
    from training_core.contract.home import home_path

    return list_datasets(home_path())
