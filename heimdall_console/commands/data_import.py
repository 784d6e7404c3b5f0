"""`data import`: recordings of others become a dataset."""

from pathlib import Path

import typer

from heimdall_console.commands.shared_options import JSON, NAME, OUT, OVERWRITE
from heimdall_console.dataset_making import (
    existing_path,
    new_dataset_path,
    print_made,
    run_data_job,
)
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(
    help="Import recordings as a dataset.", no_args_is_help=True, rich_markup_mode=None
)

_SOURCE = typer.Argument(help="File or folder to import.")
_MAPPING = typer.Option(..., "--map", help="What the columns mean (TOML).")


@app.command(
    "wide-csv",
    cls=SpellingCommand,
    epilog="Example: heimdall-console data import wide-csv rss.csv --map mapping.toml --name site",
)
def import_wide_csv(
    source: Path = _SOURCE,
    mapping: Path = _MAPPING,
    name: str | None = NAME,
    out: Path | None = OUT,
    overwrite: bool = OVERWRITE,
    json: bool = JSON,
) -> None:
    """Import tables with one row a session and one column a receiver."""
    _import_table("import-wide-csv", source, mapping, name, out, overwrite, json)


@app.command(
    "long-csv",
    cls=SpellingCommand,
    epilog="Example: heimdall-console data import long-csv toa.csv --map mapping.toml --name adsb",
)
def import_long_csv(
    source: Path = _SOURCE,
    mapping: Path = _MAPPING,
    name: str | None = NAME,
    out: Path | None = OUT,
    overwrite: bool = OVERWRITE,
    json: bool = JSON,
) -> None:
    """Import tables with one row an observation, or a list of observations a row."""
    _import_table("import-long-csv", source, mapping, name, out, overwrite, json)


@app.command(
    "npy",
    cls=SpellingCommand,
    epilog="Example: heimdall-console data import npy recordings/ --name iq --sample-rate-hz 2e6",
)
def import_npy(
    source: Path = typer.Argument(help="Folder with {split}/{session}_iq.npy, _label.npy, _meta.*"),
    name: str | None = NAME,
    out: Path | None = OUT,
    sample_rate_hz: float | None = typer.Option(
        None, help="For recordings whose metadata do not say."
    ),
    overwrite: bool = OVERWRITE,
    json: bool = JSON,
) -> None:
    """Import IQ arrays with labels beside them."""
    from training_core.contract.jobs import ImportNpyArguments

    arguments = ImportNpyArguments(
        source=existing_path(source),
        target=new_dataset_path(name, out, source.absolute().name),
        name=name or "",
        sample_rate_hz=sample_rate_hz,
        overwrite=overwrite,
    )
    print_made(run_data_job("import-npy", arguments, f"importing {source.name}"), json)


def _import_table(
    kind: str,
    source: Path,
    mapping: Path,
    name: str | None,
    out: Path | None,
    overwrite: bool,
    json: bool,
) -> None:
    from training_core.contract.jobs import ImportTableArguments

    arguments = ImportTableArguments(
        source=existing_path(source),
        mapping=existing_path(mapping),
        target=new_dataset_path(name, out, source.absolute().stem),
        overwrite=overwrite,
    )
    print_made(run_data_job(kind, arguments, f"importing {source.name}"), json)
