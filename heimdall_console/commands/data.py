"""`data`: import, generate and inspect datasets."""

import sys
from pathlib import Path
from typing import Any

import typer

from heimdall_console.commands import data_import
from heimdall_console.commands.shared_options import (
    DATASET_HELP,
    JSON,
    NAME,
    OUT,
    OVERWRITE,
    dataset_names,
)
from heimdall_console.dataset_making import (
    generator_options,
    new_dataset_path,
    print_made,
    run_data_job,
)
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
app.add_typer(data_import.app, name="import")

_DATASET = typer.Argument(help=DATASET_HELP, autocompletion=dataset_names)


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
    name: str | None = NAME,
    out: Path | None = OUT,
    overwrite: bool = OVERWRITE,
    json: bool = JSON,
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
        target=new_dataset_path(name, out, preset),
        preset="campus" if preset == "campus" else "vhf-network",
        sessions=sessions,
        seed=seed,
        options=generator_options(set_values or []),
        overwrite=overwrite,
    )
    print_made(run_data_job("synth", arguments, f"generating {count(sessions)} sessions"), json)


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console data info campus")
def info(
    dataset: str = _DATASET,
    json: bool = JSON,
    ascii_only: bool = typer.Option(False, "--ascii", help="Draw with ASCII characters."),
) -> None:
    """Show what a dataset holds: counts, receivers, time span, splits and a map."""
    from training_core.contract.datasets import DatasetSummary, read_summary, resolve_dataset
    from training_core.contract.home import home_path
    from training_core.contract.jobs import DatasetArguments

    path = resolve_dataset(dataset, home_path())
    summary = read_summary(path)
    if summary is None:
        result = run_data_job("summarize", DatasetArguments(dataset=path), f"reading {path.name}")
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
    json: bool = JSON,
) -> None:
    """Look for nulls, impossible positions, duplicates and leakage between splits."""
    from heimdall_console.check_text import check_lines, has_errors
    from training_core.contract.datasets import resolve_dataset
    from training_core.contract.errors import ExitCode
    from training_core.contract.home import home_path
    from training_core.contract.jobs import DatasetArguments

    path = resolve_dataset(dataset, home_path())
    result = run_data_job(
        "check", DatasetArguments(dataset=path, split=split), f"checking {path.name}"
    )
    if json:
        print_json(result)
    else:
        sys.stdout.write("\n".join(check_lines(result, Terminal.of(sys.stdout))) + "\n")
    if has_errors(result):
        raise typer.Exit(int(ExitCode.FAILED))


@app.command("list", cls=SpellingCommand, epilog="Example: heimdall-console data list --json")
def list_names(json: bool = JSON) -> None:
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
