"""Making datasets by jobs: where they go, what is said of them."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heimdall_console.formatting import count, plain
from heimdall_console.output import print_json
from training_core.contract.errors import UsageError
from training_core.contract.home import datasets_folder, ensure_folder, home_path, working_folder
from training_core.contract.toml_text import parse_toml

if TYPE_CHECKING:
    from training_core.contract.jobs import JobArguments


def run_data_job(kind: str, arguments: "JobArguments", title: str) -> dict[str, Any]:
    """Do a job on datasets of this home and return its result."""
    # Looking at a dataset must not pay for what jobs import.
    from heimdall_console.jobs import run_job

    return run_job(home_path(), kind, arguments, title=title)


def print_made(result: dict[str, Any], json: bool) -> None:
    """Say what a new dataset holds and what to type next."""
    if json:
        print_json(result)
        return
    path = Path(str(result.get("dataset", "")))
    sizes = [
        f"{count(value)} {key}"
        for key in ("sessions", "receivers", "observations", "readings")
        if isinstance(value := result.get(key), int)
    ]
    print(f"Made {plain(path)}: {', '.join(sizes)}.")
    for note in result.get("notes", []) or result.get("dropped", []) or []:
        print(f"  {plain(note)}")
    is_named = path.parent == datasets_folder(home_path())
    short = path.name if is_named else str(path)
    print(f"Next: heimdall-console data info {plain(short)}")


def existing_path(path: Path) -> Path:
    """An absolute path to what is there.

    Raises:
        UsageError: Nothing is.
    """
    if not path.exists():
        raise UsageError(
            f"There is no {path}", unharmed="Nothing was written", action="Check the path"
        )
    return working_folder() / path


def new_dataset_path(name: str | None, out: Path | None, otherwise: str) -> Path:
    """Where a new dataset goes: `out`, or a name in this home.

    Raises:
        UsageError: Both are given, or the name is none.
    """
    if name is not None and out is not None:
        raise UsageError("--name and --out exclude each other", action="Give one of them")
    if out is not None:
        return working_folder() / out
    chosen = otherwise if name is None else name
    if (
        chosen in ("", ".", "..")
        or "/" in chosen
        or chosen.startswith(".")
        or plain(chosen) != chosen
    ):
        raise UsageError(
            f"{chosen!r} cannot be the name of a dataset",
            unharmed="Nothing was written",
            action="Give --name as one line without slashes or a dot at its start, or --out DIRECTORY",
        )
    return ensure_folder(datasets_folder(home_path())) / chosen


def generator_options(texts: list[str]) -> dict[str, float | int | str | bool]:
    """`OPTION=VALUE` texts as values; a value is TOML, or else a string.

    Raises:
        UsageError: A text is not of that form.
    """
    options: dict[str, float | int | str | bool] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {text} is not OPTION=VALUE", action="Write it so")
        try:
            options[key.strip()] = parse_toml(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            options[key.strip()] = value
    return options
