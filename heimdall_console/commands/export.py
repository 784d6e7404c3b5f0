"""`export`: a checkpoint becomes a proved ONNX model."""

import sys
from pathlib import Path

import typer

from heimdall_console.commands.shared_options import dataset_names, run_names
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXAMPLES = """\
Examples:

\b
  heimdall-console export @last
  heimdall-console export run.ckpt --out model/ --register campus --alias champion
"""


@app.command(cls=SpellingCommand, epilog=_EXAMPLES)
def export(
    checkpoint: str = typer.Argument(
        help="A .ckpt file, a run's id (its best one) or @last.", autocompletion=run_names
    ),
    out: Path | None = typer.Option(None, help="Folder to make; the run's exports/ otherwise."),
    dataset: str | None = typer.Option(
        None,
        help="Dataset whose validation rows prove the export; the run's own otherwise.",
        autocompletion=dataset_names,
    ),
    register_as: str | None = typer.Option(
        None, "--register", metavar="NAME", help="Also register it under this name."
    ),
    alias: str = typer.Option("", help="Alias that moves to the new version."),
    opset: int | None = typer.Option(None, min=17, max=21, help="ONNX operator set."),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Turn a checkpoint into an ONNX model that is proved against PyTorch on real rows."""
    from heimdall_console import exporting
    from heimdall_console.checkpoint_reference import configuration_of, resolve_checkpoint
    from heimdall_console.output import print_json
    from heimdall_console.terminal import Terminal
    from training_core.contract.datasets import resolve_dataset
    from training_core.contract.errors import UsageError
    from training_core.contract.home import home_path

    if alias and not register_as:
        raise UsageError("--alias needs --register", action="Add --register NAME")
    home = home_path()
    path = resolve_checkpoint(checkpoint, home)
    result = exporting.export(
        home,
        path,
        opset=opset,
        target=out.absolute() if out else None,
        dataset=resolve_dataset(dataset, home) if dataset else None,
    )
    if register_as:
        config = configuration_of(path, home)
        folder = Path(result["export"])
        result["registered"] = exporting.register(home, folder, register_as, alias, config)
    if json:
        print_json(result)
    else:
        sys.stdout.write("\n".join(exporting.export_lines(result, Terminal.of(sys.stdout))) + "\n")
