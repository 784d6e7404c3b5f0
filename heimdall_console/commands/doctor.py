"""`doctor`: say what of this machine, terminal and servers is fit, and what to do about the rest."""

import sys
from pathlib import Path

import typer

from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_EXAMPLES = """\
Examples:

\b
  heimdall-console doctor
  heimdall-console doctor --config run.toml
  heimdall-console doctor --json

Nothing is changed. What does not answer is given up after a time; credentials are not shown.
Exit codes: 0 nothing failed, warnings included; 1 something failed; 2 usage.
"""


@app.command(cls=SpellingCommand, epilog=_EXAMPLES)
def doctor(
    config: Path | None = typer.Option(
        None,
        "--config",
        "-c",
        exists=True,
        dir_okay=False,
        help="Configuration that names the servers; that of the newest run when left out.",
    ),
    json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Look at terminal, versions, home, queue, GPUs and servers; say what to do where it is wrong."""
    from heimdall_console.doctor.examination import examine
    from heimdall_console.doctor.finding import worst
    from heimdall_console.doctor.text import group_lines, verdict_line
    from heimdall_console.output import print_json
    from heimdall_console.terminal import Terminal
    from training_core.contract.config_file import load_config
    from training_core.contract.errors import ExitCode
    from training_core.contract.home import home_path

    if config is not None:
        config = config.absolute()
        load_config(config)
    terminal = Terminal.of(sys.stdout)
    groups = []
    for group in examine(home_path(), config):
        groups.append(group)
        if not json:
            sys.stdout.write("\n".join(group_lines(group, terminal)) + "\n")
            sys.stdout.flush()
    status = worst(groups)
    if json:
        found = [{"group": g.name, **f.as_json()} for g in groups for f in g.findings]
        print_json({"status": status, "findings": found})
    else:
        sys.stdout.write(verdict_line(groups, terminal) + "\n")
    if status == "failed":
        raise typer.Exit(int(ExitCode.FAILED))
