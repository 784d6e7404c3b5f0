"""What a preflight found, as lines."""

import textwrap
from collections.abc import Callable, Mapping
from typing import Any, Final

from heimdall_console.formatting import count, counted, duration, memory, percent, plain, size
from heimdall_console.layout import padded
from heimdall_console.terminal import Style, Terminal

Figures = Mapping[str, Any]

_STYLES: Final[dict[str, Style]] = {"ok": "good", "warning": "warning", "failed": "bad"}
_STATUS_WIDTH = 7
_NAME_WIDTH = 10


def preflight_lines(result: Mapping[str, Any], terminal: Terminal) -> list[str]:
    """One line a check with what was measured; why and what to do below those that need it."""
    checks: Mapping[str, Mapping[str, Any]] = result["checks"]
    lines = [""]
    for name, check in checks.items():
        lines += _check_lines(name, check, terminal)
    return [*lines, "", f" {_verdict(checks, terminal)}", ""]


def check_texts(name: str, check: Mapping[str, Any]) -> list[str]:
    """What was measured, why that is not well, and what to do, as far as each is known."""
    describe = _DESCRIBE.get(name)
    figures: Figures = check["figures"]
    texts = [describe(figures)] if describe and figures else []
    return texts + [_sentence(check[part]) for part in ("why", "action") if check[part]]


def verdict(checks: Mapping[str, Mapping[str, Any]]) -> tuple[str, str, Style]:
    """The word for all checks together, what is said beside it, and how it looks."""
    failed = [name for name, check in checks.items() if check["status"] == "failed"]
    warnings = sum(check["status"] == "warning" for check in checks.values())
    if failed:
        return "not ready", f": {', '.join(failed)}", "bad"
    if warnings:
        return "ready", f", with {counted(warnings, 'warning')}", "warning"
    return "ready", "", "good"


def _check_lines(name: str, check: Mapping[str, Any], terminal: Terminal) -> list[str]:
    status = str(check["status"])
    texts = check_texts(name, check)
    indent = " " * (_STATUS_WIDTH + _NAME_WIDTH + 5)
    label = terminal.style(f"{status:<{_STATUS_WIDTH}}", _STYLES.get(status, "dim"))
    lines = []
    for text in texts or ["-"]:
        pieces = textwrap.wrap(
            plain(text),
            max(20, terminal.width - len(indent) - 1),
            break_on_hyphens=False,
            break_long_words=False,
        )
        lines += [indent + piece for piece in pieces]
    lines[0] = f" {label}  {padded(name, _NAME_WIDTH)}  {lines[0].strip()}"
    return lines


def _verdict(checks: Mapping[str, Mapping[str, Any]], terminal: Terminal) -> str:
    word, beside, style = verdict(checks)
    return terminal.style(word, style) + beside


def _device(figures: Figures) -> str:
    if "threads" in figures:
        name = f"cpu, {counted(int(figures['threads']), 'thread')}"
    else:
        name = f"{figures.get('name', '')}, {counted(int(figures.get('present', 0)), 'GPU')} here"
    wanted, nodes = int(figures.get("wanted", 1)), int(figures.get("nodes", 1))
    if wanted * nodes > 1:
        name += f"; {count(wanted)} asked for" + (
            f" on {count(nodes)} machines" if nodes > 1 else ""
        )
    return name


def _dataset(figures: Figures) -> str:
    if "class" in figures:
        return str(figures["class"])
    parts = ", ".join(
        f"{count(int(figures[key]))} {verb}"
        for key, verb in (("train", "train"), ("val", "validate"), ("test", "test"))
    )
    text = (
        f"{figures['name']}: {counted(int(figures['sessions']), 'session')} of "
        f"{counted(int(figures['receivers']), 'receiver')}; split {figures['split']}: {parts}"
    )
    near = figures.get("test_near_train")
    return text if near is None else f"{text}; {percent(near)} of the test beside the training"


def _training(figures: Figures) -> str:
    trained = int(figures["trained_parameters"])
    frozen = int(figures["parameters"]) - trained
    return (
        f"{counted(trained, 'parameter')}"
        + (f" and {count(frozen)} frozen" if frozen else "")
        + f" on {figures['device']}, {figures['precision']}; a step takes "
        f"{_span(figures['step_s'])} ({_span(figures['step_low_s'])} to "
        f"{_span(figures['step_high_s'])} in the middle half of "
        f"{counted(int(figures['steps_measured']), 'step')}), {percent(figures['data_wait_share'])} "
        "of it waiting for data"
    )


def _validation(figures: Figures) -> str:
    if figures.get("batch_s") is None:
        return "none"
    each = f"{_span(figures['batch_s'])} a batch"
    batches = figures.get("batches")
    return each if batches is None else f"{each}, {count(int(batches))} in all"


def _memory(figures: Figures) -> str:
    available = (
        f"{memory(figures['available_bytes'])} of {memory(figures['total_bytes'])} available"
    )
    if figures["kind"] == "torch":
        return (
            f"{memory(figures['peak_bytes'])} of the GPU at most, "
            f"{memory(figures['reserved_bytes'])} reserved; {available}"
        )
    return (
        f"the process held {memory(figures['peak_bytes'])} at most, {memory(figures['growth_bytes'])} "
        f"of it since the training began; {available}"
    )


def _duration(figures: Figures) -> str:
    if figures.get("predicted_s") is None:
        return f"not known, {counted(int(figures['epochs']), 'epoch')}"
    low, high = duration(figures["low_s"]), duration(figures["high_s"])
    text = f"about {duration(figures['predicted_s'])}"
    text += f" ({low} to {high})" if low != high else ""
    text += f" for {counted(int(figures['epochs']), 'epoch')}"
    if figures.get("steps") is not None:
        text += f", {counted(int(figures['steps']), 'step')}"
    if figures.get("limit_s") is not None:
        text += f"; trainer.max_minutes ends it after {duration(figures['limit_s'])}"
    return text + ("; early stopping may end it sooner" if figures.get("may_stop_early") else "")


def _disk(figures: Figures) -> str:
    disks = [
        f"{size(disk['needed_bytes'])} needed, {size(disk['free_bytes'])} free in {disk['folder']}"
        for disk in figures["disks"]
    ]
    return f"{'; '.join(disks)}; a checkpoint has {size(figures['checkpoint_bytes'])}"


def _service(figures: Figures) -> str:
    missing = figures.get("exists") is False
    return str(figures["uri"]) + (", made when it is first used" if missing else "")


_DESCRIBE: Final[dict[str, Callable[[Figures], str]]] = {
    "device": _device,
    "dataset": _dataset,
    "training": _training,
    "validation": _validation,
    "memory": _memory,
    "duration": _duration,
    "disk": _disk,
    "tracking": _service,
    "storage": _service,
}


def _span(seconds: float) -> str:
    """A short time: milliseconds below a second."""
    if seconds >= 1.0:
        return duration(seconds)
    milliseconds = 1000.0 * seconds
    return f"{milliseconds:.{0 if milliseconds >= 10 else 1}f} ms"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."
