"""`checkpoints`: what a run has saved, looked into without loading it, pruned with a way back."""

import sys
from typing import TYPE_CHECKING

import typer

from heimdall_console.commands.shared_options import JSON, RUN, YES
from heimdall_console.lazy_command import SpellingCommand

if TYPE_CHECKING:
    from heimdall_console.checkpoint_rows import CheckpointRow
    from training_core.contract.run_dir import RunDir

app = typer.Typer(
    help="List, look into, prune and restore the checkpoints of a run.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)

_PRUNE_EXAMPLES = """\
Example: heimdall-console checkpoints prune @last step=414 step=516

Never pruned: the best and the last one, and those that are exported, registered, or needed by
another run or a job. `checkpoints restore` brings them back; `checkpoints empty-trash` frees
their space. `runs prune` removes by a rule, for good.
"""


@app.command(
    "list", cls=SpellingCommand, epilog="Example: heimdall-console checkpoints list @last --json"
)
def list_all(run: str = RUN, json: bool = JSON) -> None:
    """List the checkpoints of a run, with what each is kept for."""
    import time

    from heimdall_console.checkpoint_text import list_lines
    from heimdall_console.checkpoint_trash import list_trash
    from heimdall_console.formatting import counted, size
    from heimdall_console.output import print_json
    from heimdall_console.terminal import Terminal

    directory, rows = _rows(run)
    trash = list_trash(directory)
    if json:
        print_json([row.as_dict() for row in rows])
        return
    if rows:
        lines = list_lines(rows, time.time(), Terminal.of(sys.stdout))
        sys.stdout.write("\n".join(lines) + "\n")
    else:
        sys.stdout.write(f"The run {directory.id} has no checkpoint.\n")
    if trash:
        files = sum(len(pruned.files) for pruned in trash)
        freed = size(sum(pruned.size_bytes for pruned in trash))
        sys.stdout.write(f"In its trash: {counted(files, 'checkpoint')}, {freed}\n")


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console checkpoints show @last")
def show(
    run: str = RUN,
    checkpoint: str = typer.Argument(
        "", help="A file of it, the unique start of one, or step=N; the best one otherwise."
    ),
    tensors: bool = typer.Option(False, "--tensors", help="Name every tensor of the weights."),
    json: bool = JSON,
) -> None:
    """Show what is known of a checkpoint and what lies inside; nothing of it is loaded or run."""
    import time

    from heimdall_console.checkpoint_archive import read_details
    from heimdall_console.checkpoint_rows import BEST, find_checkpoints
    from heimdall_console.checkpoint_text import show_lines
    from heimdall_console.output import print_json
    from heimdall_console.terminal import Terminal
    from training_core.contract.errors import CheckpointError

    directory, rows = _rows(run)
    chosen = (
        find_checkpoints(rows, [checkpoint]) if checkpoint else [r for r in rows if BEST in r.marks]
    )
    if not chosen:
        raise CheckpointError(f"The run {directory.id} has no checkpoint")
    row = chosen[0]
    details = read_details(row.path)
    if json:
        print_json({**row.as_dict(), "inside": details.as_dict()})
        return
    terminal = Terminal.of(sys.stdout)
    lines = show_lines(row, details, time.time(), terminal, with_tensors=tensors)
    sys.stdout.write("\n".join(lines) + "\n")


@app.command(cls=SpellingCommand, epilog=_PRUNE_EXAMPLES)
def prune(
    run: str = RUN,
    checkpoints: list[str] = typer.Argument(
        ..., metavar="CHECKPOINT...", help="Files of it, unique starts of them, or step=N."
    ),
    yes: bool = YES,
    json: bool = JSON,
) -> None:
    """Move checkpoints into the run's trash, after a question that says what it frees."""
    import time

    from heimdall_console.asking import confirm
    from heimdall_console.checkpoint_rows import find_checkpoints
    from heimdall_console.checkpoint_text import list_lines
    from heimdall_console.checkpoint_trash import move_to_trash, refuse_protected
    from heimdall_console.formatting import counted, size
    from heimdall_console.output import print_json
    from heimdall_console.terminal import Terminal
    from training_core.contract.errors import ExitCode

    directory, rows = _rows(run)
    chosen = find_checkpoints(rows, checkpoints)
    refuse_protected(chosen)
    if not yes and not json:
        lines = list_lines(chosen, time.time(), Terminal.of(sys.stderr))
        sys.stderr.write("\n".join(lines) + "\n")
    freed = size(sum(row.sidecar.size_bytes for row in chosen))
    question = f"Move {counted(len(chosen), 'checkpoint')}, {freed}, to the trash?"
    if not confirm(question, yes=yes):
        raise typer.Exit(int(ExitCode.FAILED))
    # While a person thought, one of them may have become needed.
    names = [row.sidecar.file for row in chosen]
    pruned = move_to_trash(directory, find_checkpoints(_rows(run)[1], names))
    if json:
        print_json({"run_id": directory.id, **pruned.as_dict()})
        return
    moved = counted(len(pruned.files), "checkpoint")
    sys.stdout.write(
        f"{moved} in the trash; `heimdall-console checkpoints empty-trash {directory.id}` frees "
        f"{size(pruned.size_bytes)}, `heimdall-console checkpoints restore {directory.id}` "
        "brings back\n"
    )


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console checkpoints restore @last")
def restore(
    run: str = RUN,
    every: bool = typer.Option(
        False, "--all", help="All that is in the trash, not only what was pruned last."
    ),
    json: bool = JSON,
) -> None:
    """Bring pruned checkpoints back: those of the last pruning, or all."""
    from heimdall_console import checkpoint_trash
    from heimdall_console.output import print_json
    from training_core.contract.errors import UsageError
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    directory = find_run(home_path(), run)
    trash = checkpoint_trash.list_trash(directory)
    if not trash:
        raise UsageError(
            f"The run {directory.id} has nothing to restore",
            why="Its trash is empty",
            unharmed="Nothing was changed",
        )
    restored = []
    for pruned in trash if every else trash[:1]:
        restored += checkpoint_trash.restore(directory, pruned)
    if json:
        print_json({"run_id": directory.id, "restored": [str(path) for path in restored]})
    else:
        sys.stdout.write("".join(f"{path.name}  restored\n" for path in restored))


@app.command(
    cls=SpellingCommand, epilog="Example: heimdall-console checkpoints empty-trash @last --yes"
)
def empty_trash(run: str = RUN, yes: bool = YES, json: bool = JSON) -> None:
    """Remove for good what was pruned, after a question."""
    from heimdall_console import checkpoint_trash
    from heimdall_console.asking import confirm
    from heimdall_console.formatting import counted, size
    from heimdall_console.output import print_json
    from training_core.contract.errors import ExitCode
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    directory = find_run(home_path(), run)
    trash = checkpoint_trash.list_trash(directory)
    files = sum(len(pruned.files) for pruned in trash)
    held = size(sum(pruned.size_bytes for pruned in trash))
    if files and not confirm(f"Remove {counted(files, 'checkpoint')}, {held}, for good?", yes=yes):
        raise typer.Exit(int(ExitCode.FAILED))
    freed = checkpoint_trash.empty_trash(directory)
    if json:
        print_json({"run_id": directory.id, "freed_bytes": freed})
    else:
        sys.stdout.write(f"{size(freed)} freed\n" if files else "The trash is empty.\n")


def _rows(reference: str) -> "tuple[RunDir, list[CheckpointRow]]":
    from heimdall_console.checkpoint_rows import checkpoint_rows
    from training_core.contract.home import home_path
    from training_core.contract.run_dir import find_run

    home = home_path()
    run = find_run(home, reference)
    return run, checkpoint_rows(run, home)
