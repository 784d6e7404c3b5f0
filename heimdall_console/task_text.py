"""What a run does beside its training, in words."""

from typing import TYPE_CHECKING, Final

from heimdall_console.formatting import count, plain

if TYPE_CHECKING:
    from heimdall_console.run_progress import RunProgress

_EVALUATION: Final = "evaluating"
_EXPORT: Final = "export"


def task_text(progress: "RunProgress") -> str:
    """`load data 3/10`, or `evaluating: radio map 120/300` once the training is over.

    Empty where it does nothing beside the training.
    """
    if progress.task is None:
        return f"{_EVALUATION} and exporting" if progress.is_making_results else ""
    name, done, total = progress.task
    if progress.is_making_results and name == _EXPORT:
        name = "exporting"
    elif progress.is_making_results and name != _EVALUATION:
        name = f"{_EVALUATION}: {name}"
    if total and total > 1:
        return plain(f"{name} {count(done)}/{count(total)}")
    return plain(f"{name} {count(done)}" if done else name)


def task_share(progress: "RunProgress") -> float | None:
    """Share that is done of the task of `task_text`; None where that is not known."""
    if progress.task is None or not progress.task[2]:
        return None
    return min(1.0, progress.task[1] / progress.task[2])
