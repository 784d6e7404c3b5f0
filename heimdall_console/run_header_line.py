"""What a run is at, in the words of the line above its charts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from heimdall_console.formatting import duration, metric, percent, plain
from heimdall_console.status_text import STATUS_STYLES
from heimdall_console.task_text import task_share, task_text
from training_core.contract.run_status import RunStatus

if TYPE_CHECKING:
    from heimdall_console.sources.run import RunView

_ONE_SESSION_S: Final = 1.0


@dataclass(frozen=True)
class HeaderLine:
    """One run, in words."""

    name: str
    status: str
    glyph: str
    """Of the status; empty where it cannot be shown."""
    about: str = ""
    """Experiment, and what else stands beside the name."""
    share: float | None = None
    """Of the planned steps; None where that is not known."""
    figures: tuple[str, ...] = ()
    """The most important first; what does not fit is left out."""
    end: str = ""
    """Why it ended; stands instead of the bar."""
    style: str = ""
    """Of its curves, where there are several runs."""
    is_current: bool = False


def header_line(
    view: "RunView",
    name: str,
    *,
    style: str = "",
    is_current: bool = True,
    ascii_only: bool = False,
) -> HeaderLine:
    """The line of a run.

    Args:
        view: The run.
        name: What it is called.
        style: Of its curves.
        is_current: Whether keys mean this run.
        ascii_only: Whether only ASCII characters may be used.
    """
    status = view.status
    glyph, _ = STATUS_STYLES.get(status.value, ("?", ""))
    has_ended = status.has_ended and view.is_loaded
    text = _end_text(view) if has_ended else ""
    return HeaderLine(
        name=name,
        status=status.value if view.is_loaded else "reading",
        glyph="" if ascii_only or not view.is_loaded else glyph,
        about=plain(view.experiment),
        share=_share(view),
        figures=tuple(_figures(view)),
        end=text.encode("ascii", "replace").decode() if ascii_only else text,
        style=style,
        is_current=is_current,
    )


def _share(view: "RunView") -> float | None:
    progress = view.history.progress
    if not view.is_loaded:
        return view.loaded_share
    return task_share(progress) if progress.is_making_results else progress.share_done


def _figures(view: "RunView") -> Sequence[str]:
    progress = view.history.progress
    if not view.is_loaded:
        return [f"step {progress.step:,}"]
    if view.status is RunStatus.QUEUED:
        waits = progress.status == RunStatus.QUEUED
        return ["waits for its turn" if waits else "prepared: nobody has started it"]
    parts = []
    if task := task_text(progress):
        parts.append(task)
    if progress.epochs or progress.epoch:
        of = f"/{progress.epochs}" if progress.epochs else ""
        parts.append(f"epoch {progress.epoch_number}{of}")
    parts.append(f"step {progress.step:,}")
    if view.status is RunStatus.RUNNING and not progress.is_making_results:
        rate, left = progress.steps_per_s, progress.remaining_s
        if left is not None:
            parts.append(f"ETA {duration(left)}")
        if rate is not None:
            parts.append(f"{_rate(rate)} steps/s")
        wait = view.history.hardware.latest("data_wait_share")
        if wait is not None:
            parts.append(f"data wait {percent(wait)}")
    elif view.status is RunStatus.PAUSED:
        parts.append("held: p lets it go on")
    return parts


def _end_text(view: "RunView") -> str:
    progress = view.history.progress
    if view.status is RunStatus.CRASHED:
        at = f"at step {progress.step:,}" if progress.step else "before its first step"
        return f"Its worker is gone and wrote no end, {at}.   T why   r resume"
    reason = plain(progress.reason)
    if view.status is RunStatus.FAILED:
        said = plain((progress.error or {}).get("what") or reason or "The worker failed")
        return f"{said.rstrip('.')}.   T why   r resume"
    parts = []
    if progress.epochs:
        parts.append(f"epoch {progress.epoch_number}/{progress.epochs}")
    if view.status is RunStatus.FINISHED and reason:
        parts.append(reason)
    parts.append(f"step {progress.step:,}")
    is_one_session = (progress.started or 0.0) - view.history.timeline.started_s < _ONE_SESSION_S
    if progress.started is not None and progress.ended is not None and is_one_session:
        parts.append(f"took {duration(max(0.0, progress.ended - progress.started))}")
    series = view.history.metrics.get(view.monitor)
    position = series.best(view.mode) if series is not None else None
    if series is not None and position is not None:
        value = metric(view.monitor, float(series.pyramid.values[position]))
        epoch = int(series.places.epochs[position]) + 1
        parts.append(f"best {plain(view.monitor)} {value} at epoch {epoch}")
    if reason and view.status is not RunStatus.FINISHED:
        parts.append(reason)
    return "   ".join(parts)


def _rate(steps_per_s: float) -> str:
    return f"{steps_per_s:,.0f}" if steps_per_s >= 100 else f"{steps_per_s:.3g}"
