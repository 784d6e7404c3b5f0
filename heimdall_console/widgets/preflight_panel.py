"""What a preflight or a one-batch training is at and has found."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from heimdall_console.formatting import count, plain

_NAME_WIDTH: Final = 12
_CHECKS: Final = (
    "device",
    "dataset",
    "training",
    "validation",
    "memory",
    "duration",
    "disk",
    "tracking",
    "storage",
)
_TASK_CHECKS: Final = {
    "load data": "dataset",
    "look at the split": "dataset",
    "steps": "training",
}
"""What a trial says it is at → the check that this belongs to, where the names differ."""
_TITLES: Final = {"preflight": "preflight", "overfit-batch": "learning one batch"}
_GLYPHS: Final = {
    "ok": ("✓", "+", "success"),
    "warning": ("!", "!", "warning"),
    "failed": ("✗", "x", "error"),
    "skipped": ("–", "-", "muted"),
    "at work": ("▸", ">", "accent"),
    "waiting": ("·", ".", "muted"),
}


class PreflightPanel(VerticalScroll):
    """One line a check: waiting, at work, then what was measured, why it is not well, what to do.

    Args:
        ascii_only: Whether only ASCII characters may be drawn.
    """

    HELP: ClassVar[str] = (
        "Everything that the run would need, tried for real in a process of its own: the dataset "
        "and its split, the device, some training steps with their memory and time, the disk, the "
        "servers. Nothing is left behind. x cancels it, escape closes the panel."
    )

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__(id="preflight")
        self.ascii_only = ascii_only
        self.kind = ""
        self._gpus: tuple[str, ...] = ()
        self._found: Mapping[str, Mapping[str, Any]] = {}
        self._check_now = ""
        self._result: Mapping[str, Any] | None = None
        self._doing_now: tuple[str, int, int | None] | None = None
        self._is_outdated = False

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static("", markup=False)

    def show_task(
        self,
        kind: str,
        task: tuple[str, int, int | None] | None,
        found: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Show what is being done, and what was found so far."""
        self.kind, self._doing_now, self._result = kind, task, None
        self._found = found or {}
        if task is not None:
            self._check_now = _TASK_CHECKS.get(task[0], task[0])
        elif not self._found:
            self._check_now = ""
        self._draw()

    def show_result(self, kind: str, result: Mapping[str, Any]) -> None:
        """Show what was found."""
        self.kind, self._doing_now, self._result = kind, None, result
        self._found, self._check_now = result.get("checks", {}), ""
        self._draw()

    def show_failure(self, kind: str, why: str) -> None:
        """Show why nothing was found."""
        self._result = self._doing_now = None
        self._found, self._check_now = {}, ""
        self.border_title = _TITLES.get(kind, kind)
        self.border_subtitle = "not tried"
        self.kind = ""
        self.query_one(Static).update(Text(plain(why, keep_lines=True)))

    def show_gpus(self, lines: Sequence[str]) -> None:
        """Show the GPUs and who holds them, below the device."""
        self._gpus = tuple(lines)
        if self.kind:
            self._draw()

    def mark_outdated(self, is_outdated: bool) -> None:
        """Say whether the configuration is another one now than the one that was tried."""
        if is_outdated != self._is_outdated:
            self._is_outdated = is_outdated
            if self.kind:
                self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Break the lines anew."""
        if self.kind:
            self._draw()

    def _draw(self) -> None:
        title = _TITLES.get(self.kind, self.kind)
        self.border_title = f"{title} before the last change" if self._is_outdated else title
        self.border_subtitle = "x cancels"
        text = Text()
        if self.kind == "preflight":
            self._add_checks(text)
        elif self._result is not None:
            text = self._overfit(self._result)
        if self._result is None and (self.kind != "preflight" or not self._check_now):
            text.append(("" if not text else "\n") + self._doing(), self._color("muted"))
        self.query_one(Static).update(text)

    def _add_checks(self, text: Text) -> None:
        from heimdall_console.preflight_text import check_texts, verdict

        checks = self._found
        indent = _NAME_WIDTH + 2
        for name in (*_CHECKS, *(extra for extra in checks if extra not in _CHECKS)):
            check = checks.get(name)
            if check is not None:
                status, said = str(check["status"]), check_texts(name, check)
            elif name == self._check_now:
                status, said = "at work", [self._doing()]
            else:
                status, said = "waiting", [""]
            glyph, plain_glyph, color = _GLYPHS.get(status, _GLYPHS["skipped"])
            text.append(plain_glyph if self.ascii_only else glyph, self._color(color))
            name_style = self._color("muted") if status == "waiting" else ""
            text.append(f" {plain(name):<{_NAME_WIDTH}}", name_style)
            if name == "device":
                said = [*filter(None, said), *self._gpus] or [""]
            for place, sentence in enumerate(said or ["-"]):
                style = "" if place == 0 or sentence in self._gpus else self._color(color)
                text.append_text(self._wrapped(sentence, indent, style, is_first=place == 0))
        if self._result is not None:
            word, beside, _ = verdict(checks)
            self.border_subtitle = f"was {word}" if self._is_outdated else f"{word}{beside}"

    def _wrapped(self, sentence: str, indent: int, style: str, *, is_first: bool) -> Text:
        room = max(16, self.size.width - indent - 1)
        pieces = textwrap.wrap(plain(sentence), room, break_on_hyphens=False) or [""]
        lead = "" if is_first else " " * indent
        text = Text()
        for place, piece in enumerate(pieces):
            text.append((lead if place == 0 else " " * indent) + piece + "\n", style)
        return text

    def _overfit(self, result: Mapping[str, Any]) -> Text:
        from heimdall_console.overfit_text import overfit_lines
        from heimdall_console.terminal import Terminal

        self.border_subtitle = "learned" if result["learned"] else "not learned"
        room = max(40, self.size.width - 2)
        lines = overfit_lines(result, Terminal(width=room, unicode=not self.ascii_only))
        return Text("\n".join(lines[1:]), no_wrap=True)

    def _doing(self) -> str:
        if self._doing_now is None:
            return "at work …" if self._check_now else "starting a process …"
        name, done, total = self._doing_now
        if name == self._check_now:
            name = "at work"
        share = f"  {100 * done // total} %" if total and done else f"  {count(done)}" * (done > 0)
        return plain(f"{name}{share} …")

    def _color(self, name: str) -> str:
        value = self.app.theme_variables.get(name, "")
        return value if value.startswith("#") else ""
