"""What a run reached: for a person at its end, and as one JSON object."""

import os
from pathlib import Path
from typing import Any

from heimdall_console.evaluation_text import name_of
from heimdall_console.formatting import duration, meters, metric, number, percent, plain, size
from heimdall_console.layout import pair_lines
from heimdall_console.publishing_state import PublishingState
from heimdall_console.run_progress import RunProgress
from heimdall_console.status_text import STATUS_STYLES
from heimdall_console.terminal import Terminal
from training_core.contract.errors import ExitCode
from training_core.contract.home import working_folder
from training_core.contract.records import decode_number
from training_core.contract.run_dir import RunDir, RunInfo
from training_core.contract.run_status import RunStatus

_ERRORS = (("median_m", "median"), ("mean_m", "mean"), ("p90_m", "90 %"))


def summary_lines(
    run: RunDir,
    info: RunInfo,
    progress: RunProgress,
    publishing: PublishingState,
    terminal: Terminal,
    dataset: str,
) -> list[str]:
    """The end of a run, with what to type next.

    Args:
        run: Its directory.
        info: What it is called.
        progress: What its log says.
        publishing: How far its publisher is.
        terminal: What can be shown.
        dataset: As a command line names it; empty for data of a module of one's own.
    """
    glyph, style = STATUS_STYLES.get(progress.status, ("?", "warning"))
    head = f"{glyph} {progress.status}" if terminal.unicode else progress.status
    if progress.started is not None and terminal.unicode:
        head += f" after {duration((progress.ended or progress.started) - progress.started)}"
    title = f" {terminal.style(head, style)}   {terminal.style(plain(info.name), 'bold')}"
    pairs = [(k, v) for k, v in _facts(run, progress, publishing) if v]
    lines = ["", title, "", *pair_lines(pairs, terminal)]
    following = _next_commands(run, progress, publishing, dataset)
    if following:
        lines += ["", f" {terminal.style('next', 'dim')}"]
        lines += [f"   {command}" for command in following]
    return [*lines, ""]


def summary_record(
    run: RunDir, info: RunInfo, progress: RunProgress, publishing: PublishingState, exit_code: int
) -> dict[str, Any]:
    """The same for machines, as the last line of `--json`."""
    return {
        "kind": "summary",
        "run_id": info.id,
        "run_dir": str(run.path),
        "name": info.name,
        "status": progress.status,
        "exit_code": exit_code,
        "best": progress.best,
        "best_epoch": progress.best_epoch,
        "test": progress.test,
        "checkpoint": best_checkpoint(progress),
        "exports": [str(path) for path in exported(run, progress)],
        "publishing": publishing.as_dict(),
    }


def best_checkpoint(progress: RunProgress) -> str:
    """Path of the best checkpoint, else of the last, else empty."""
    record = progress.best_checkpoint or progress.last_checkpoint or {}
    return str(record.get("path", ""))


def exported(run: RunDir, progress: RunProgress) -> list[Path]:
    """ONNX files that the run announced."""
    return [_model_path(run, a) for a in progress.artifacts if a.get("name") == "model.onnx"]


def _facts(
    run: RunDir, progress: RunProgress, publishing: PublishingState
) -> list[tuple[str, str]]:
    why = progress.reason if progress.status == RunStatus.FINISHED else ""
    facts = [("because", plain(why)), ("best", _best_text(progress))]
    facts += _test_rows(progress)
    checkpoint = best_checkpoint(progress)
    if checkpoint:
        facts.append(("checkpoint", plain(_inside(run, Path(checkpoint)))))
    for artifact in progress.artifacts:
        if artifact.get("name") == "model.onnx":
            path = _model_path(run, artifact)
            facts.append(("export", f"{plain(_inside(run, path))}  {_size_text(artifact)}".strip()))
            facts.append(("proof", proof_text(artifact.get("summary"))))
    facts += _publishing(publishing)
    facts.append(("in", plain(_short_path(run.path))))
    return facts


def _publishing(publishing: PublishingState) -> list[tuple[str, str]]:
    facts = [("registered", publishing.registered_text())]
    if publishing.is_owing:
        facts.append(("publishing", publishing.text().removeprefix("publishing, ")))
    elif publishing.is_done:
        facts.append(("published", plain(publishing.tracking_uri) or "in MLflow"))
    return facts


def _best_text(progress: RunProgress) -> str:
    if progress.best_epoch is None:
        return ""
    shown = [n for n in (progress.monitor, "val/median_m", "val/mean_m") if n in progress.best]
    values = [f"{plain(name)} {metric(name, progress.best[name])}" for name in shown]
    return f"{'   '.join(values)}   (epoch {progress.best_epoch + 1})"


def _test_rows(progress: RunProgress) -> list[tuple[str, str]]:
    """Errors on the test split, with those of methods without a network on the same rows."""
    if not progress.test:
        return []
    methods: dict[str, Any] = {"network": progress.test}
    for artifact in progress.artifacts:
        if artifact.get("name") == "evaluation.json" and isinstance(artifact.get("summary"), dict):
            methods = {**artifact["summary"], "network": progress.test}
    table = [("", *(label for _, label in _ERRORS))]
    for name, metrics in methods.items():
        if isinstance(metrics, dict):
            table.append(
                (name_of(name), *(meters(decode_number(metrics.get(key))) for key, _ in _ERRORS))
            )
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    rows: list[tuple[str, str]] = []
    for name, *values in table:
        cells = [f"{value:>{width}}" for value, width in zip(values, widths[1:], strict=True)]
        rows.append(("" if rows else "test", "  ".join([f"{name:<{widths[0]}}", *cells])))
    if "coverage_90" in progress.test:
        covered = percent(progress.test["coverage_90"])
        rows.append(("ellipses", f"the 90 % ellipse covers {covered} of the test positions"))
    return rows


def _model_path(run: RunDir, artifact: dict[str, Any]) -> Path:
    """The announced path is the file's or its folder's."""
    path = run.path / str(artifact.get("path", ""))
    return path if path.suffix == ".onnx" else path / "model.onnx"


def proof_text(summary: object) -> str:
    """The figures of a proof in one line; empty where there are none."""
    if not isinstance(summary, dict):
        return ""
    parts = ["agrees with PyTorch" if summary.get("ok") else "does NOT agree with PyTorch"]
    numbers = {k: v for k, text in summary.items() if (v := decode_number(text)) is not None}
    prefix = "max_abs_difference_"
    differences = [
        f"{plain(key.removeprefix(prefix))} {number(value, 2)}"
        for key, value in numbers.items()
        if key.startswith(prefix)
    ]
    prefix = "speedup_batch_"
    speeds = [
        f"{number(value, 2)} x at batch {plain(key.removeprefix(prefix))}"
        for key, value in numbers.items()
        if key.startswith(prefix)
    ]
    if differences:
        parts.append("largest difference " + ", ".join(differences))
    if speeds:
        parts.append("speed " + ", ".join(speeds))
    return "; ".join(parts)


def _next_commands(
    run: RunDir, progress: RunProgress, publishing: PublishingState, dataset: str
) -> list[str]:
    commands = []
    if progress.status != "finished":
        if progress.exit_code == ExitCode.DIVERGED:
            # Going on from the last checkpoint would only repeat it.
            change = "--set optimizer.learning_rate=…"
            commands.append(f"heimdall-console run --from {run.id} {change}")
        elif progress.last_checkpoint is not None:
            commands.append(f"heimdall-console run --resume {run.id}")
        return commands
    if not dataset:
        return [f"heimdall-console sync {run.id}"] if publishing.is_owing else []
    dataset = plain(dataset)
    commands.append(f"heimdall-console evaluate {run.id} {dataset}")
    model = publishing.reference
    models = [str(path) for path in exported(run, progress)]
    if model or models:
        chosen = plain(model or _short_path(Path(models[-1])))
        commands.append(f"heimdall-console predict {chosen} {dataset} --out predictions.csv")
    if publishing.is_owing:
        commands.append(f"heimdall-console sync {run.id}")
    return commands


def _size_text(artifact: dict[str, Any]) -> str:
    size_bytes = artifact.get("size_bytes")
    return size(size_bytes) if isinstance(size_bytes, int) else ""


def _inside(run: RunDir, path: Path) -> str:
    """Relative to the run's directory, which is shown beside it."""
    try:
        return str(path.relative_to(run.path))
    except ValueError:
        return _short_path(path)


def _short_path(path: Path) -> str:
    """Relative where the file lies below the current directory, `~` below the home."""
    try:
        return str(path.relative_to(working_folder()))
    except (ValueError, OSError):
        home = os.path.expanduser("~")
        text = str(path)
        return "~" + text[len(home) :] if text.startswith(home + os.sep) else text
