"""`data`: import, generate and inspect datasets."""

import sys
from pathlib import Path
from typing import Any

import typer

from heimdall_console.commands.shared_options import DATASET_HELP, dataset_names
from heimdall_console.formatting import count, plain
from heimdall_console.lazy_command import SpellingCommand
from heimdall_console.output import print_json
from heimdall_console.terminal import Terminal

app = typer.Typer(
    help="Import, generate and inspect datasets.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
importing = typer.Typer(
    help="Import recordings as a dataset.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(importing, name="import")

_JSON = typer.Option(False, "--json", help="Print JSON.")
_NAME = typer.Option(None, help="Name of the dataset in this home.")
_OUT = typer.Option(None, help="Directory to make instead of a name in this home.")
_OVERWRITE = typer.Option(False, "--overwrite", help="Replace an existing dataset.")


_DATASET = typer.Argument(help=DATASET_HELP, autocompletion=dataset_names)


@importing.command(
    "wide-csv",
    cls=SpellingCommand,
    epilog="Example: heimdall-console data import wide-csv rss.csv --map mapping.toml --name site",
)
def import_wide_csv(
    source: Path = typer.Argument(help="File or folder to import."),
    mapping: Path = typer.Option(..., "--map", help="What the columns mean (TOML)."),
    name: str | None = _NAME,
    out: Path | None = _OUT,
    overwrite: bool = _OVERWRITE,
    json: bool = _JSON,
) -> None:
    """Import tables with one row a session and one column a receiver."""
    _import_table("import-wide-csv", source, mapping, name, out, overwrite, json)


@importing.command(
    "long-csv",
    cls=SpellingCommand,
    epilog="Example: heimdall-console data import long-csv toa.csv --map mapping.toml --name adsb",
)
def import_long_csv(
    source: Path = typer.Argument(help="File or folder to import."),
    mapping: Path = typer.Option(..., "--map", help="What the columns mean (TOML)."),
    name: str | None = _NAME,
    out: Path | None = _OUT,
    overwrite: bool = _OVERWRITE,
    json: bool = _JSON,
) -> None:
    """Import tables with one row an observation, or a list of observations a row."""
    _import_table("import-long-csv", source, mapping, name, out, overwrite, json)


@importing.command(
    "npy",
    cls=SpellingCommand,
    epilog="Example: heimdall-console data import npy recordings/ --name iq --sample-rate-hz 2e6",
)
def import_npy(
    source: Path = typer.Argument(help="Folder with {split}/{session}_iq.npy, _label.npy, _meta.*"),
    name: str | None = _NAME,
    out: Path | None = _OUT,
    sample_rate_hz: float | None = typer.Option(
        None, help="For recordings whose metadata do not say."
    ),
    overwrite: bool = _OVERWRITE,
    json: bool = _JSON,
) -> None:
    """Import IQ arrays with labels beside them."""
    from training_core.contract.jobs import ImportNpyArguments

    arguments = ImportNpyArguments(
        source=_existing(source),
        target=_target(name, out, source.absolute().name),
        name=name or "",
        sample_rate_hz=sample_rate_hz,
        overwrite=overwrite,
    )
    _made(_run("import-npy", arguments, f"importing {source.name}"), json)


@app.command(
    cls=SpellingCommand,
    epilog="Example: heimdall-console data synth --preset campus --sessions 2000 --name campus",
)
def synth(
    preset: str = typer.Option(
        "campus",
        help="campus (power only) or vhf-network (times of arrival).",
        autocompletion=lambda: ["campus", "vhf-network"],
    ),
    sessions: int = typer.Option(2000, min=1, help="How many sessions."),
    seed: int = typer.Option(0, help="Seed of everything that is drawn."),
    set_values: list[str] | None = typer.Option(
        None, "--set", metavar="OPTION=VALUE", help="Change an option of the preset; repeatable."
    ),
    name: str | None = _NAME,
    out: Path | None = _OUT,
    overwrite: bool = _OVERWRITE,
    json: bool = _JSON,
) -> None:
    """Generate a dataset: path loss, shadowing, detection, clocks; everything drawn is kept."""
    from training_core.contract.errors import UsageError
    from training_core.contract.jobs import SynthArguments

    if preset not in ("campus", "vhf-network"):
        raise UsageError(
            f"There is no preset {preset}",
            unharmed="Nothing was written",
            action="Choose campus or vhf-network",
        )
    arguments = SynthArguments(
        target=_target(name, out, preset),
        preset="campus" if preset == "campus" else "vhf-network",
        sessions=sessions,
        seed=seed,
        options=_options(set_values or []),
        overwrite=overwrite,
    )
    _made(_run("synth", arguments, f"generating {count(sessions)} sessions"), json)


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console data info campus")
def info(
    dataset: str = _DATASET,
    json: bool = _JSON,
    ascii_only: bool = typer.Option(False, "--ascii", help="Draw with ASCII characters."),
) -> None:
    """Show what a dataset holds: counts, receivers, time span, splits and a map."""
    from training_core.contract.datasets import DatasetSummary, read_summary, resolve_dataset
    from training_core.contract.home import home_path
    from training_core.contract.jobs import DatasetArguments

    path = resolve_dataset(dataset, home_path())
    summary = read_summary(path)
    if summary is None:
        result = _run("summarize", DatasetArguments(dataset=path), f"reading {path.name}")
        # A dataset in a folder that is not writable has its summary in the result only.
        summary = read_summary(path) or DatasetSummary.model_validate(result)
    if json:
        print_json({"path": str(path), **summary.model_dump(mode="json")})
        return
    from heimdall_console.dataset_text import dataset_lines

    lines = dataset_lines(summary, str(path), Terminal.of(sys.stdout), ascii_only=ascii_only)
    sys.stdout.write("\n".join(lines) + "\n")


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console data check campus --json")
def check(
    dataset: str = _DATASET,
    split: str = typer.Option("", help="Split to look at; all that the dataset names when empty."),
    json: bool = _JSON,
) -> None:
    """Look for nulls, impossible positions, duplicates and leakage between splits."""
    from heimdall_console.check_text import check_lines, has_errors
    from training_core.contract.datasets import resolve_dataset
    from training_core.contract.errors import ExitCode
    from training_core.contract.home import home_path
    from training_core.contract.jobs import DatasetArguments

    path = resolve_dataset(dataset, home_path())
    result = _run("check", DatasetArguments(dataset=path, split=split), f"checking {path.name}")
    if json:
        print_json(result)
    else:
        sys.stdout.write("\n".join(check_lines(result, Terminal.of(sys.stdout))) + "\n")
    if has_errors(result):
        raise typer.Exit(int(ExitCode.FAILED))


@app.command("list", cls=SpellingCommand, epilog="Example: heimdall-console data list --json")
def list_names(json: bool = _JSON) -> None:
    """List the datasets of this home."""
    from heimdall_console.layout import Column, table_lines
    from training_core.contract.datasets import list_datasets, read_summary
    from training_core.contract.errors import DatasetError
    from training_core.contract.home import datasets_folder, home_path

    folder = datasets_folder(home_path())
    found: list[dict[str, Any]] = []
    for name in list_datasets(home_path()):
        try:
            summary = read_summary(folder / name)
        except DatasetError:
            summary = None
        found.append(
            {
                "name": name,
                "path": str(folder / name),
                "sessions": summary.sessions if summary else None,
                "receivers": len(summary.receivers) if summary else None,
                "source": summary.source if summary else None,
            }
        )
    if json:
        print_json(found)
        return
    if not found:
        typer.echo("There are no datasets yet. Make one: heimdall-console data synth --name campus")
        return
    columns = [
        Column("name", style="bold"),
        Column("sessions", right=True),
        Column("receivers", right=True),
        Column("source", shrinks=True),
    ]
    rows = [
        (
            plain(d["name"]),
            "-" if d["sessions"] is None else count(d["sessions"]),
            "-" if d["receivers"] is None else count(d["receivers"]),
            plain(d["source"] or ""),
        )
        for d in found
    ]
    sys.stdout.write("\n".join(table_lines(columns, rows, Terminal.of(sys.stdout))) + "\n")


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
        source=_existing(source),
        mapping=_existing(mapping),
        target=_target(name, out, source.absolute().stem),
        overwrite=overwrite,
    )
    _made(_run(kind, arguments, f"importing {source.name}"), json)


def _run(kind: str, arguments: Any, title: str) -> dict[str, Any]:
    from heimdall_console.jobs import run_job
    from training_core.contract.home import home_path

    return run_job(home_path(), kind, arguments, title=title)


def _made(result: dict[str, Any], json: bool) -> None:
    if json:
        print_json(result)
        return
    path = Path(str(result.get("dataset", "")))
    sizes = [
        f"{count(value)} {key}"
        for key in ("sessions", "receivers", "observations", "readings")
        if isinstance(value := result.get(key), int)
    ]
    typer.echo(f"Made {plain(path)}: {', '.join(sizes)}.")
    for note in result.get("notes", []) or result.get("dropped", []) or []:
        typer.echo(f"  {plain(note)}")
    short = path.name if path.name in dataset_names() else str(path)
    typer.echo(f"Next: heimdall-console data info {plain(short)}")


def _existing(path: Path) -> Path:
    from training_core.contract.errors import UsageError

    if not path.exists():
        raise UsageError(
            f"There is no {path}", unharmed="Nothing was written", action="Check the path"
        )
    return path.absolute()


def _target(name: str | None, out: Path | None, otherwise: str) -> Path:
    from training_core.contract.errors import UsageError
    from training_core.contract.home import datasets_folder, ensure_folder, home_path

    if name is not None and out is not None:
        raise UsageError("--name and --out exclude each other", action="Give one of them")
    if out is not None:
        return out.absolute()
    chosen = name or otherwise
    if (
        chosen in ("", ".", "..")
        or "/" in chosen
        or chosen.startswith(".")
        or plain(chosen) != chosen
    ):
        raise UsageError(
            f"{chosen} cannot be the name of a dataset",
            unharmed="Nothing was written",
            action="Give --name without slashes, or --out DIRECTORY",
        )
    return ensure_folder(datasets_folder(home_path())) / chosen


def _options(texts: list[str]) -> dict[str, float | int | str | bool]:
    import tomllib

    from training_core.contract.errors import UsageError

    options: dict[str, float | int | str | bool] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {text} is not OPTION=VALUE", action="Write it so")
        try:
            options[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            options[key.strip()] = value
    return options
