"""`config`: write, check and show configurations."""

import sys
from pathlib import Path

import typer

from heimdall_console.lazy_command import SpellingCommand
from heimdall_console.output import print_json, write_new_file
from heimdall_console.terminal import Terminal

app = typer.Typer(
    help="Write, check and show configurations.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_SET = typer.Option(
    None, "--set", metavar="SECTION.KEY=VALUE", help="Replace a value; may be repeated."
)


def _presets() -> list[str]:
    from training_core.contract.config_template import PRESETS

    return list(PRESETS)


@app.command(
    cls=SpellingCommand,
    epilog="Example: heimdall-console config init --preset quick --out run.toml",
)
def init(
    preset: str = typer.Option(
        "default", help="Preset to start from; --list names them.", autocompletion=_presets
    ),
    out: Path | None = typer.Option(None, help="File to write; standard output when left out."),
    force: bool = typer.Option(False, "--force", help="Replace an existing file."),
    list_presets: bool = typer.Option(False, "--list", help="List the presets and leave."),
) -> None:
    """Write a complete configuration in which every key is explained."""
    from training_core.contract.config_template import PRESETS, preset_config, render_template
    from training_core.contract.errors import UsageError

    if list_presets:
        from heimdall_console.layout import pair_lines

        pairs = [(name, purpose) for name, (purpose, _) in PRESETS.items()]
        typer.echo("\n".join(pair_lines(pairs, Terminal.of(sys.stdout))))
        return
    if preset not in PRESETS:
        raise UsageError(
            f"There is no preset {preset}",
            unharmed="Nothing was written",
            action=f"Choose one of {', '.join(PRESETS)}",
        )
    text = render_template(preset_config(preset))
    if out is None:
        sys.stdout.write(text)
        return
    write_new_file(out, text, replace=force)
    typer.echo(f"Wrote {out}. Next: heimdall-console run --config {out} --data-dir DATASET")


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console config validate run.toml")
def validate(
    file: Path = typer.Argument(help="Configuration to check."),
    set_values: list[str] | None = _SET,
    json: bool = typer.Option(False, "--json", help="Print the problems as JSON."),
) -> None:
    """Check a configuration and name everything that is wrong in it."""
    from training_core.contract.config_file import load_config
    from training_core.contract.errors import ConfigError, ExitCode

    try:
        load_config(file, set_values or [])
    except ConfigError as error:
        if not json:
            raise
        problems = [
            {"file": p.file, "line": p.line, "key": p.key, "message": p.message}
            for p in error.problems
        ]
        print_json({"valid": False, "problems": problems})
        raise typer.Exit(int(ExitCode.USAGE)) from error
    if json:
        print_json({"valid": True, "problems": []})
    else:
        typer.echo(f"{file} is valid.")


@app.command(
    cls=SpellingCommand,
    epilog="Example: heimdall-console config show run.toml --set trainer.epochs=20 --json",
)
def show(
    file: Path | None = typer.Argument(None, help="Configuration; the defaults when left out."),
    set_values: list[str] | None = _SET,
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Show a configuration with every value resolved, and where credentials come from."""
    from training_core.contract.config_file import (
        ConfigSource,
        apply_overrides,
        read_source,
    )
    from training_core.contract.config_file import validate as validate_source
    from training_core.contract.config_template import config_values, render_resolved
    from training_core.contract.home import home_path
    from training_core.contract.secrets import credential_sources

    source = read_source(file) if file else ConfigSource({})
    config = validate_source(apply_overrides(source, set_values or []))
    found = credential_sources(home_path())
    if json:
        credentials = {name: {"source": place, "value": "****"} for name, place in found.items()}
        print_json({"config": config_values(config), "credentials": credentials})
        return
    sys.stdout.write(render_resolved(config, file).rstrip("\n") + "\n\n")
    lines = [f"# {name} = **** (from {place})" for name, place in found.items()]
    sys.stdout.write("\n".join(["# Credentials found:", *(lines or ["# none"])]) + "\n")


@app.command(
    cls=SpellingCommand, epilog="Example: heimdall-console config schema --out heimdall.schema.json"
)
def schema(
    out: Path | None = typer.Option(None, help="File to write; standard output when left out."),
    force: bool = typer.Option(False, "--force", help="Replace an existing file."),
) -> None:
    """Print the JSON schema of configurations, for completion and checks in editors."""
    from training_core.contract.config_template import config_schema

    if out is None:
        print_json(config_schema())
        return
    import orjson

    text = orjson.dumps(config_schema(), option=orjson.OPT_INDENT_2).decode()
    write_new_file(out, text + "\n", replace=force)
    typer.echo(f"Wrote {out}.")


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console config settings")
def settings(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Show your own preferences, and the file that they stand in."""
    from heimdall_console.settings import load_settings, masked, settings_path, settings_template

    path, found = settings_path(), masked(load_settings())
    if json:
        print_json({"file": str(path), "exists": path.exists(), **found.model_dump()})
        return
    there = "" if path.exists() else ", which does not exist: these are the defaults"
    sys.stdout.write(f"# {path}{there}\n\n{settings_template(found)}")
