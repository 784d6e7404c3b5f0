"""Draw docs/pictures/run.svg: the live display of a real run, as a real terminal shows it."""

import io
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pexpect
import pyte
from rich.color import Color
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "pictures" / "run.svg"
HOME = ROOT / ".demo" / "picture-home"
PROGRAM = Path(sys.executable).with_name("heimdall-console")
COMMAND = ("run", "--config", "examples/demo.toml")
COLUMNS, ROWS = 104, 40
SHOWS_TRAINING = "epoch"
SHARE_OF_TRAINING = 0.8
"""When the picture is taken, between the first and the last moment that shows training."""

# Names that pyte gives to the palette, and Rich's names for the same colors.
PALETTE = {"brown": "yellow", "brightbrown": "bright_yellow"}


def main() -> int:
    """Generate a dataset, train on it, and draw what the terminal showed."""
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    environment = {**os.environ, "HEIMDALL_HOME": str(HOME), "TERM": "xterm-256color"}
    environment["OMP_NUM_THREADS"] = "1"  # as the demonstration does
    environment.pop("NO_COLOR", None)
    subprocess.run(
        [PROGRAM, "data", "synth", "--preset", "campus", "--name", "campus", "--sessions", "4000"],
        cwd=ROOT,
        env=environment,
        check=True,
    )
    frames = watch(environment)
    training = [frame for frame in frames if SHOWS_TRAINING in frame.plain]
    if not training:
        print("The run showed no training; its last picture was:", frames[-1].plain, sep="\n")
        return 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(drawn(training[int(len(training) * SHARE_OF_TRAINING)]), encoding="utf-8")
    shutil.rmtree(HOME)
    print(f"Drew {TARGET.relative_to(ROOT)}")
    return 0


def watch(environment: dict[str, str]) -> list[Text]:
    """Run the command on a terminal of its own; return what it showed, twice a second."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    process = pexpect.spawn(
        str(PROGRAM),
        list(COMMAND),
        cwd=str(ROOT),
        env=environment,
        dimensions=(ROWS, COLUMNS),
        encoding="utf-8",
        timeout=300,
    )
    frames: list[Text] = []
    next_frame = time.monotonic()
    while True:
        try:
            stream.feed(process.read_nonblocking(65536, timeout=0.2))
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            frames.append(as_text(screen))
            process.close()
            return frames
        if time.monotonic() >= next_frame:
            frames.append(as_text(screen))
            next_frame = time.monotonic() + 0.5


def as_text(screen: pyte.Screen) -> Text:
    """Return what a screen shows, without the empty lines at its end."""
    text = Text(no_wrap=True)
    for row in range(screen.lines):
        for column in range(screen.columns):
            character = screen.buffer[row][column]
            text.append(character.data, style_of(character))
        text.append("\n")
    lines = list(text.split("\n", allow_blank=True))
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return Text("\n").join(lines)


def style_of(character: Any) -> Style:
    """Return how one character of a screen is drawn."""
    return Style(
        color=color_of(character.fg),
        bgcolor=color_of(character.bg),
        bold=character.bold,
        italic=character.italics,
        underline=character.underscore,
        reverse=character.reverse,
    )


def color_of(name: str) -> Color | None:
    """Return Rich's color for the name or the hexadecimal digits that pyte gives."""
    if name == "default":
        return None
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
        return Color.parse(f"#{name}")
    name = PALETTE.get(name, name)
    return Color.parse(name.replace("bright", "bright_") if "bright_" not in name else name)


def drawn(text: Text) -> str:
    """Return a text as SVG in the colors of our dark theme."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(text)
    picture = console.export_svg(
        title=f"heimdall-console {' '.join(COMMAND)}", theme=terminal_theme(), unique_id="run"
    )
    # A picture loads nothing from elsewhere: the reader's own fixed-width font will do.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    return picture.replace("Fira Code", "ui-monospace, Menlo, Consolas")


def terminal_theme() -> TerminalTheme:
    """Return the sixteen colors of a terminal, from what our dark theme means by them."""
    theme = tomllib.loads((ROOT / "themes" / "heimdall-dark.toml").read_text(encoding="utf-8"))
    surface, text, message = theme["surface"], theme["text"], theme["message"]
    series = theme["chart"]["series"]
    palette = [
        surface["panel"],
        message["error"],
        message["success"],
        message["warning"],
        series[0],
        series[3],
        text["accent"],
        text["foreground"],
    ]
    dark = [channels(color) for color in palette]
    bright = [channels(text["muted"]), *dark[1:]]
    return TerminalTheme(
        channels(surface["background"]), channels(text["foreground"]), dark, bright
    )


def channels(color: str) -> tuple[int, int, int]:
    """Return red, green and blue of a hexadecimal color."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


if __name__ == "__main__":
    sys.exit(main())
