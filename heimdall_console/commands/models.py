"""`models`: what is registered in MLflow, how it came to be, and which version an alias means."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from heimdall_console.commands.shared_options import (
    BUCKET,
    JSON,
    REGION,
    STORAGE_ENDPOINT,
    TRACKING_URI,
    YES,
)
from heimdall_console.lazy_command import SpellingCommand

if TYPE_CHECKING:
    from heimdall_console.sources.tracking_reader import TrackingReader
    from training_core.contract.jobs import SetAliasArguments

app = typer.Typer(
    help="List registered models, move their aliases, download their files.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)

_MODEL = typer.Argument(..., metavar="MODEL", help="name@alias, name@v3, name@latest or name.")
_NAME = typer.Argument(..., metavar="NAME", help="A registered model.")
_ALIAS = typer.Argument(..., metavar="ALIAS", help="An alias, such as champion.")


@app.command("list", cls=SpellingCommand, epilog="Example: heimdall-console models list --json")
def list_all(tracking_uri: str = TRACKING_URI, json: bool = JSON) -> None:
    """List registered models with their versions and aliases."""
    import time

    from heimdall_console.model_text import list_lines
    from heimdall_console.output import print_json
    from heimdall_console.registry_reading import read_models
    from heimdall_console.terminal import Terminal

    with _reader(tracking_uri) as reader:
        models = read_models(reader)
    if json:
        print_json([model.as_dict() for model in models])
    elif models:
        lines = list_lines(models, time.time(), Terminal.of(sys.stdout))
        sys.stdout.write("\n".join(lines) + "\n")
    else:
        sys.stdout.write(
            "No model is registered. `heimdall-console export @last --register NAME` makes one.\n"
        )


@app.command(
    cls=SpellingCommand, epilog="Example: heimdall-console models show localization@champion"
)
def show(model: str = _MODEL, tracking_uri: str = TRACKING_URI, json: bool = JSON) -> None:
    """Show a version: its chain from configuration to ONNX file, and the proof of its export."""
    import time

    from heimdall_console.model_rows import find_version
    from heimdall_console.model_text import show_lines
    from heimdall_console.output import print_json
    from heimdall_console.registry_reading import find_proof, read_models
    from heimdall_console.terminal import Terminal
    from training_core.contract.home import home_path

    with _reader(tracking_uri) as reader:
        version = find_version(read_models(reader), model)
        proof, missing = find_proof(version, home_path(), reader)
    if json:
        print_json({**version.as_dict(), "proof": proof or None, "proof_missing": missing})
        return
    lines = show_lines(version, proof, missing, time.time(), Terminal.of(sys.stdout))
    sys.stdout.write("\n".join(lines) + "\n")


@app.command(
    cls=SpellingCommand, epilog="Example: heimdall-console models alias localization champion 3"
)
def alias(
    name: str = _NAME,
    alias: str = _ALIAS,
    version: int = typer.Argument(..., min=0, help="Version; 0 takes the alias away."),
    tracking_uri: str = TRACKING_URI,
    json: bool = JSON,
) -> None:
    """Let an alias mean a version."""
    from heimdall_console.registry_reading import tracking_address
    from training_core.contract.jobs import SetAliasArguments

    arguments = SetAliasArguments(
        name=name, alias=alias, version=version, tracking_uri=tracking_address(tracking_uri)
    )
    _set_alias(arguments, json)


@app.command(
    cls=SpellingCommand, epilog="Example: heimdall-console models rollback localization champion"
)
def rollback(
    name: str = _NAME,
    alias: str = _ALIAS,
    tracking_uri: str = TRACKING_URI,
    yes: bool = YES,
    json: bool = JSON,
) -> None:
    """Let an alias mean the complete version before the one that it means now."""
    from heimdall_console.asking import confirm
    from heimdall_console.model_rows import find_model, version_before
    from heimdall_console.registry_reading import read_models, tracking_address
    from training_core.contract.errors import ExitCode
    from training_core.contract.jobs import SetAliasArguments

    with _reader(tracking_uri) as reader:
        model = find_model(read_models(reader), name)
    before, at = version_before(model, alias), model.aliases[alias]
    if not confirm(f"Move {name}@{alias} from version {at} to {before.number}?", yes=yes):
        raise typer.Exit(int(ExitCode.FAILED))
    arguments = SetAliasArguments(
        name=name,
        alias=alias,
        version=before.number,
        expected=at,
        tracking_uri=tracking_address(tracking_uri),
    )
    _set_alias(arguments, json)


@app.command(
    cls=SpellingCommand,
    epilog="Example: heimdall-console models download localization@champion --out model/",
)
def download(
    model: str = _MODEL,
    out: Path = typer.Option(..., help="Folder to make; it must not exist."),
    tracking_uri: str = TRACKING_URI,
    storage_endpoint: str = STORAGE_ENDPOINT,
    bucket: str = BUCKET,
    region: str = REGION,
    json: bool = JSON,
) -> None:
    """Fetch all files of a version; the folder appears whole or not at all."""
    from heimdall_console.formatting import plain
    from heimdall_console.jobs import run_job
    from heimdall_console.output import print_json
    from heimdall_console.registry_reading import tracking_address
    from training_core.contract.home import home_path
    from training_core.contract.jobs import DownloadArguments

    arguments = DownloadArguments(
        model=model if "@" in model else f"{model}@latest",
        target=out.expanduser().absolute(),
        tracking_uri=tracking_address(tracking_uri),
        storage_endpoint=storage_endpoint,
        bucket=bucket,
        region=region,
    )
    result = run_job(home_path(), "download", arguments, title=f"downloading {model}")
    if json:
        print_json(result)
    else:
        names = ", ".join(result["names"])
        sys.stdout.write(plain(f"{result['target']}  version {result['version']}: {names}") + "\n")


def _set_alias(arguments: "SetAliasArguments", as_json: bool) -> None:
    from heimdall_console.formatting import plain
    from heimdall_console.jobs import run_job
    from heimdall_console.output import print_json
    from training_core.contract.home import home_path

    title = f"moving {arguments.name}@{arguments.alias}"
    result = run_job(home_path(), "set-alias", arguments, title=title)
    if as_json:
        print_json(result)
        return
    now = f"version {result['version']}" if result["version"] else "taken away"
    before = f", version {result['before']} before" if result["before"] else ""
    sys.stdout.write(plain(f"{result['name']}@{result['alias']}  {now}{before}") + "\n")


@contextlib.contextmanager
def _reader(tracking_uri: str) -> "Iterator[TrackingReader]":
    from heimdall_console.sources.tracking_reader import TrackingReader
    from training_core.contract.home import home_path

    reader = TrackingReader(home_path(), tracking_uri)
    try:
        yield reader
    finally:
        reader.close()
