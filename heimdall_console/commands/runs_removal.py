"""`runs rm` and `runs prune`: what frees space."""

import sys
from typing import TYPE_CHECKING

import typer

from heimdall_console.commands.shared_options import JSON, RUNS, YES, run_names
from heimdall_console.lazy_command import SpellingCommand

if TYPE_CHECKING:
    from heimdall_console.pruning import Prunable
    from heimdall_console.run_removal import Removal

_PRUNE_EXAMPLES = """\
Examples:

\b
  heimdall-console runs prune @last --keep-best 2 --keep-last 1
  heimdall-console runs prune --all --keep-last 0 --older-than 30d --dry-run

Never removed: exports, the only checkpoint of a run, one that another run is about to start
from, and the best and last one of a run that is being trained.
"""


def register(app: typer.Typer) -> None:
    """Add the commands to `runs`."""
    example = "Example: heimdall-console runs rm 20261124-0915 20261124-1002"
    app.command("rm", cls=SpellingCommand, epilog=example)(remove)
    app.command("prune", cls=SpellingCommand, epilog=_PRUNE_EXAMPLES)(prune_checkpoints)


def remove(
    runs: list[str] = typer.Argument(
        ..., metavar="RUN...", help="Ids, unique starts of ids, or @last.", autocompletion=run_names
    ),
    yes: bool = YES,
    json: bool = JSON,
) -> None:
    """Remove runs with all their files, after a question. Never a living one."""
    from heimdall_console.asking import confirm
    from heimdall_console.output import print_json
    from heimdall_console.run_removal import plan_removal, remove_run
    from training_core.contract.errors import ExitCode
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    home = home_path()
    found = {run.id: run for run in (find_run(home, reference) for reference in runs)}
    planned = [plan_removal(run, home) for run in found.values()]
    if not yes and not json:
        _show_removals(planned)
    if not confirm(_removal_question(planned), yes=yes):
        raise typer.Exit(int(ExitCode.FAILED))
    for removal in planned:
        remove_run(removal.run)
        if not json:
            sys.stdout.write(f"{removal.run.id}  removed\n")
    if json:
        print_json([{"run_id": r.run.id, "size_bytes": r.size_bytes} for r in planned])


def prune_checkpoints(
    runs: list[str] | None = RUNS,
    every: bool = typer.Option(False, "--all", help="Every run of this home."),
    keep_best: int = typer.Option(1, min=0, help="Best checkpoints that stay in each run."),
    keep_last: int = typer.Option(1, min=0, help="Most recent checkpoints that stay in each run."),
    older_than: str = typer.Option(
        "", metavar="AGE", help="Only checkpoints of this age, such as 30d, 12h or 45min."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Show what would go, remove nothing."),
    yes: bool = YES,
    json: bool = JSON,
) -> None:
    """Remove old checkpoints by a rule, shown before."""
    from heimdall_console.asking import confirm
    from heimdall_console.formatting import counted, size
    from heimdall_console.output import print_json
    from heimdall_console.pruning import Rule, parse_age, plan_pruning, prune
    from heimdall_console.run_index import list_runs
    from training_core.contract.errors import ExitCode, UsageError
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import RunDir, find_run

    if bool(runs) == every:
        raise UsageError(
            "It is not said whose checkpoints may go" if not runs else "--all names every run",
            unharmed="Nothing was removed",
            action="Name runs, or add --all",
        )
    home = home_path()
    chosen = [RunDir(run.path) for run in list_runs(home)] if every else []
    chosen += [find_run(home, reference) for reference in dict.fromkeys(runs or [])]
    rule = Rule(keep_best, keep_last, parse_age(older_than) if older_than else 0.0)
    planned = plan_pruning(chosen, rule, home)
    freed = sum(item.sidecar.size_bytes for item in planned)
    if not json:
        _show_prunables(planned)
    if planned and not dry_run:
        question = f"Remove {counted(len(planned), 'checkpoint')}, {size(freed)}?"
        if not confirm(question, yes=yes):
            raise typer.Exit(int(ExitCode.FAILED))
        # While a person thought, another run may have been told to start from one of them.
        planned = [item for item in plan_pruning(chosen, rule, home) if item in planned]
        freed = prune(planned)
    if json:
        print_json(
            {
                "removed": not dry_run,
                "freed_bytes": freed,
                "checkpoints": [
                    {
                        "run_id": item.run.id,
                        "path": str(item.path),
                        "step": item.sidecar.step,
                        "size_bytes": item.sidecar.size_bytes,
                    }
                    for item in planned
                ],
            }
        )
    elif not chosen:
        sys.stdout.write("There are no runs.\n")
    elif not planned:
        sys.stdout.write("The rule keeps every checkpoint.\n")
    else:
        verb = "would be freed" if dry_run else "freed"
        sys.stdout.write(f"{size(freed)} {verb}\n")


def _removal_question(planned: "list[Removal]") -> str:
    from heimdall_console.formatting import counted, size

    total = size(sum(removal.size_bytes for removal in planned))
    owing = [removal for removal in planned if removal.is_owing]
    lost = f"; {counted(len(owing), 'run')} not fully published" if owing else ""
    return f"Remove {counted(len(planned), 'run')}, {total}{lost}?"


def _show_removals(planned: "list[Removal]") -> None:
    from heimdall_console.formatting import plain, size
    from heimdall_console.layout import Column, table_lines
    from heimdall_console.terminal import Terminal

    columns = [
        Column("id", style="bold"),
        Column("status"),
        Column("name", shrinks=True),
        Column("size", right=True),
    ]
    if any(removal.is_owing for removal in planned):
        columns.append(Column("publishing", shrinks=True))
    rows = [
        [
            removal.run.id,
            removal.status.value,
            plain(removal.name),
            size(removal.size_bytes),
            removal.publishing.text() if removal.is_owing else "",
        ][: len(columns)]
        for removal in planned
    ]
    sys.stderr.write("\n".join(table_lines(columns, rows, Terminal.of(sys.stderr))) + "\n")


def _show_prunables(planned: "list[Prunable]") -> None:
    import time

    from heimdall_console.formatting import age, metric, plain, size
    from heimdall_console.layout import Column, table_lines
    from heimdall_console.terminal import Terminal

    if not planned:
        return
    columns = [
        Column("run", style="bold"),
        # Its end is what tells it from the others.
        Column("checkpoint"),
        Column("monitored", right=True, drops=2),
        Column("size", right=True, drops=3),
        Column("saved", drops=1),
    ]
    rows = []
    for item in planned:
        monitor = item.sidecar.monitor
        value = item.sidecar.metrics.get(monitor)
        rows.append(
            [
                item.run.id,
                plain(item.sidecar.file.removesuffix(".ckpt")),
                "-" if value is None else f"{plain(monitor)} {metric(monitor, value)}",
                size(item.sidecar.size_bytes),
                age(time.time() - item.sidecar.created),
            ]
        )
    sys.stdout.write("\n".join(table_lines(columns, rows, Terminal.of(sys.stdout))) + "\n")
