"""`jobs`: exports, registrations, evaluations and other work of this home beside the runs."""

import sys

import typer

from heimdall_console.commands.shared_options import JSON
from heimdall_console.lazy_command import SpellingCommand

app = typer.Typer(
    help="List, look into, cancel and repeat the jobs of this home.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)


def _job_names() -> list[str]:
    from training_core.contract.home import home_path, jobs_folder

    folder = jobs_folder(home_path())
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    return ["@last", *sorted((n for n in names if not n.startswith(".")), reverse=True)]


_JOB = typer.Argument(
    ...,
    metavar="JOB",
    help="A job's id, the unique start of one, or @last.",
    autocompletion=_job_names,
)


@app.command("list", cls=SpellingCommand, epilog="Example: heimdall-console jobs list --running")
def list_all(
    running: bool = typer.Option(False, "--running", help="Only those that have not ended."),
    limit: int = typer.Option(20, min=1, help="How many, the newest first."),
    json: bool = JSON,
) -> None:
    """List exports, registrations, evaluations, imports and preflights."""
    import time

    from heimdall_console.formatting import age, plain
    from heimdall_console.job_rows import list_jobs
    from heimdall_console.job_text import outcome_text, progress_text, took_text
    from heimdall_console.layout import Column, table_lines
    from heimdall_console.output import print_json
    from heimdall_console.status_text import status_text
    from heimdall_console.terminal import Terminal
    from training_core.contract.home import home_path

    jobs = list_jobs(home_path())
    jobs = [job for job in jobs if not (running and job.status.has_ended)][:limit]
    if json:
        print_json([job.as_dict() for job in jobs])
        return
    if not jobs:
        sys.stdout.write("There are no jobs" + (" at work.\n" if running else ".\n"))
        return
    terminal, now = Terminal.of(sys.stdout), time.time()
    columns = [
        Column("id", style="bold", drops=2),
        Column("status"),
        Column("job", shrinks=True),
        Column("took", right=True, drops=3),
        Column("started", drops=1),
        Column("result", shrinks=True, drops=4),
    ]
    rows = [
        [
            job.id,
            status_text(job.status.value, terminal),
            plain(job.title),
            took_text(job, now),
            age(now - job.created),
            outcome_text(job) if job.status.has_ended else progress_text(job, now),
        ]
        for job in jobs
    ]
    sys.stdout.write("\n".join(table_lines(columns, rows, terminal)) + "\n")


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console jobs show @last")
def show(job: str = _JOB, json: bool = JSON) -> None:
    """Show a job: what it was asked, how it went, what it found."""
    import time

    from heimdall_console.job_rows import find_job
    from heimdall_console.job_text import fact_pairs
    from heimdall_console.layout import pair_lines
    from heimdall_console.output import print_json
    from heimdall_console.terminal import Terminal
    from training_core.contract.home import home_path

    found = find_job(home_path(), job)
    if json:
        result = found.read_result()
        print_json({**found.as_dict(), "arguments": found.arguments, "result": result})
        return
    terminal = Terminal.of(sys.stdout)
    lines = pair_lines(fact_pairs(found, time.time()), terminal)
    sys.stdout.write("\n".join(["", *lines, ""]) + "\n")


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console jobs cancel @last")
def cancel(
    job: str = _JOB,
    grace: float = typer.Option(5.0, min=0.0, help="Seconds before it is killed."),
    json: bool = JSON,
) -> None:
    """End a job: it is asked to stop, and killed where it does not."""
    from heimdall_console.job_control import cancel_job
    from heimdall_console.job_rows import find_job
    from heimdall_console.output import print_json
    from training_core.contract.home import home_path

    found = find_job(home_path(), job)
    status = cancel_job(found.path, grace)
    if json:
        print_json({"job_id": found.id, "status": status.value})
    else:
        sys.stdout.write(f"{found.id}  {status.value}\n")


@app.command(cls=SpellingCommand, epilog="Example: heimdall-console jobs retry @last")
def retry(job: str = _JOB, json: bool = JSON) -> None:
    """Do a job again with the same arguments, in the background."""
    from heimdall_console.job_control import retry_job
    from heimdall_console.job_rows import find_job
    from heimdall_console.output import print_json
    from training_core.contract.home import home_path

    home = home_path()
    started = retry_job(home, find_job(home, job).path)
    if json:
        print_json({"job_id": started.id})
    else:
        sys.stdout.write(f"{started.id}  started\n")
