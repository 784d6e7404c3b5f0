"""Whether the terminal shows the console as it is meant: size, colors, characters, clipboard."""

import locale
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from heimdall_console.doctor.finding import Finding
from heimdall_console.doctor.terminal_answers import Answers, ask_terminal, ask_tmux
from heimdall_console.formatting import plain
from heimdall_console.terminal import character_set

COMPLETE_SIZE: Final = (80, 24)
"""Columns and rows from which every screen is complete."""
USABLE_SIZE: Final = (60, 20)
"""Columns and rows from which every screen is usable."""

_SLOW_S: Final = 0.2


@dataclass(frozen=True)
class TerminalView:
    """What is known of the terminal that the doctor was called in."""

    size: tuple[int, int] | None = None
    """Columns and rows; None where the output is no terminal."""
    encoding: str = "utf-8"
    """Of the standard output."""
    has_locale: bool = True
    """Whether the locale that the environment names is installed."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the environment."""
    answers: Answers | None = None
    """What the terminal said of itself."""
    tmux: Mapping[str, str] | None = None
    """Options of tmux, where there is one."""
    was_asked: bool = True
    """Whether the terminal was asked: while the console draws, nobody else may write to it."""

    @classmethod
    def of_this_process(cls) -> "TerminalView":
        """Look at the terminal, and ask it; that takes a second where it does not answer."""
        return cls(
            _size(),
            character_set(sys.stdout),
            _has_locale(),
            dict(os.environ),
            ask_terminal(),
            ask_tmux(),
        )

    @classmethod
    def of_console(cls, size: tuple[int, int]) -> "TerminalView":
        """Look at the terminal that the console draws on, and leave it alone.

        Args:
            size: Columns and rows, as the console knows them.
        """
        encoding = character_set(sys.__stdout__)
        environment = dict(os.environ)
        tmux = ask_tmux()
        return cls(size, encoding, _has_locale(), environment, None, tmux, was_asked=False)


def terminal_findings(view: TerminalView) -> list[Finding]:
    """What is to be said of a terminal."""
    if view.size is None:
        return [
            Finding(
                "size",
                "skipped",
                "the output is no terminal, so nothing can be said of one",
                "Call it without a pipe, in the terminal that you work in",
            ),
            _characters(view),
        ]
    return [
        _of_size(view.size),
        _type(view),
        _colors(view),
        _characters(view),
        _answering(view),
        _mouse(view),
        _clipboard(view),
    ]


def _of_size(size: tuple[int, int]) -> Finding:
    columns, rows = size
    text = f"{columns} × {rows}"
    figures = {"columns": columns, "rows": rows}
    if columns >= COMPLETE_SIZE[0] and rows >= COMPLETE_SIZE[1]:
        return Finding("size", "ok", text, figures=figures)
    is_usable = columns >= USABLE_SIZE[0] and rows >= USABLE_SIZE[1]
    said = "screens are usable, not complete" if is_usable else "screens do not fit"
    wanted = " × ".join(map(str, COMPLETE_SIZE))
    return Finding("size", "warning", f"{text}: {said}", f"Make it {wanted} or larger", figures)


def _type(view: TerminalView) -> Finding:
    name = view.environment.get("TERM", "")
    if name in ("", "dumb"):
        return Finding(
            "type",
            "failed",
            f"TERM is {plain(name) or 'not set'}: the console does not open",
            "Set TERM to what the terminal is, such as xterm-256color",
        )
    around = [
        label
        for variable, label in (("TMUX", "tmux"), ("STY", "GNU screen"), ("SSH_CONNECTION", "SSH"))
        if view.environment.get(variable)
    ]
    inside = f", through {' and '.join(around)}" if around else ""
    return Finding("type", "ok", f"{plain(name)}{inside}")


def _colors(view: TerminalView) -> Finding:
    name, mode = view.environment.get("TERM", ""), view.environment.get("COLORTERM", "").lower()
    if view.environment.get("NO_COLOR"):
        return Finding("colors", "ok", "none, because NO_COLOR is set", figures={"colors": 0})
    if mode in ("truecolor", "24bit") or name.endswith("-direct"):
        return Finding("colors", "ok", "16 million", figures={"colors": 1 << 24})
    colors = 256 if "256color" in name else 16
    return Finding(
        "colors",
        "warning",
        f"{colors}, as far as TERM says: themes are shown in the nearest ones",
        "If the terminal has more, `export COLORTERM=truecolor`; SSH passes it on with "
        "`SendEnv COLORTERM`, where the server accepts it",
        {"colors": colors},
    )


def _characters(view: TerminalView) -> Finding:
    environment = view.environment
    variable = next(
        (v for v in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(v)), "no LANG or LC_ALL"
    )
    source = f"{variable}={plain(environment[variable])}" if variable in environment else variable
    if view.encoding.replace("-", "") != "utf8":
        return Finding(
            "characters",
            "warning",
            f"{plain(view.encoding)} ({source}): everything is drawn in ASCII",
            "`export LANG=C.UTF-8` where the terminal shows Unicode",
        )
    if not view.has_locale:
        return Finding(
            "characters",
            "warning",
            f"UTF-8, but the locale of {source} is not installed here",
            "`export LC_ALL=C.UTF-8`, which every machine has",
        )
    return Finding("characters", "ok", f"UTF-8 ({source})")


def _answering(view: TerminalView) -> Finding:
    answers = view.answers
    if not view.was_asked:
        return Finding(
            "answers",
            "skipped",
            "not asked while the console draws",
            "`heimdall-console doctor` asks it",
        )
    if answers is None:
        return Finding(
            "answers",
            "warning",
            "the terminal does not answer questions, so what it can do is guessed",
            "Nothing has to be done where the console looks right",
        )
    figures = {"round_trip_s": answers.round_trip_s}
    took = f"it answers in {max(1, round(1000 * answers.round_trip_s))} ms"
    if answers.round_trip_s > _SLOW_S:
        return Finding(
            "answers",
            "warning",
            f"{took}: every key takes as long to be seen",
            "Look at the connection; a terminal nearer to this machine would be faster",
            figures,
        )
    if answers.is_synchronized:
        took += "; a frame is shown at once"
    return Finding("answers", "ok", took, figures=figures)


def _mouse(view: TerminalView) -> Finding:
    has_mouse = view.answers.has_mouse if view.answers else None
    if has_mouse:
        return Finding("mouse", "ok", "reported")
    said = "it does not say" if has_mouse is None else "none is reported"
    if not view.was_asked:
        said = "not asked"
    return Finding("mouse", "skipped", f"{said}; every action has a key too")


def _clipboard(view: TerminalView) -> Finding:
    if view.tmux is not None:
        if view.tmux.get("set-clipboard") == "on":
            return Finding(
                "clipboard", "ok", "tmux passes copied text on (OSC 52)", figures=dict(view.tmux)
            )
        if view.tmux.get("allow-passthrough") in ("on", "all"):
            return Finding(
                "clipboard", "ok", "copied text is passed through tmux", figures=dict(view.tmux)
            )
        return Finding(
            "clipboard",
            "warning",
            "tmux keeps copied text from the terminal",
            "`tmux set -s set-clipboard on`, and the same line in ~/.tmux.conf",
            dict(view.tmux),
        )
    if view.environment.get("STY"):
        return Finding(
            "clipboard",
            "warning",
            "GNU screen keeps copied text from the terminal",
            "Select it with the mouse and shift held, or use tmux",
        )
    if view.answers is not None and view.answers.has_clipboard:
        return Finding("clipboard", "ok", "the terminal takes copied text (OSC 52)")
    return Finding(
        "clipboard",
        "ok",
        "copied text is sent to the terminal (OSC 52); few terminals say whether they take it",
    )


def _size() -> tuple[int, int] | None:
    if not sys.stdout.isatty():
        return None
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return None
    return size.columns, size.lines


def _has_locale() -> bool:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "")
    except locale.Error:
        return False
    locale.setlocale(locale.LC_CTYPE, before)
    return True
