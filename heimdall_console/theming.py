"""Themes: files of colors by meaning, turned into what Textual and the charts ask for."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import platformdirs
from textual.theme import Theme

from heimdall_console.status_text import STATUS_STYLES
from training_core.contract.errors import HeimdallError
from training_core.contract.files import read_regular
from training_core.contract.toml_text import parse_toml

DEFAULT_THEME: Final = "heimdall-dark"

_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}")
# Section and keys of a theme file → prefix of the variables made from them.
_GROUPS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "state": ("state-", tuple(STATUS_STYLES)),
    "chart": ("chart-", ("axis", "grid", "best")),
    "map": ("map-", ("receiver", "truth", "estimate", "error")),
}
SERIES_COLORS: Final = 8
"""Colors of curves that every theme has: `$series-1` … `$series-8`."""


def user_theme_folder() -> Path:
    """Where people drop theme files of their own; it may not exist."""
    return Path(platformdirs.user_config_dir("heimdall", appauthor=False)) / "themes"


def _shipped_theme_folder() -> Path:
    # An installed wheel has the folder inside the package, a checkout beside it.
    inside = Path(__file__).parent / "themes"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "themes"


def theme_files() -> dict[str, Path]:
    """Name → file of every theme; one of the user's replaces a shipped one of its name."""
    found: dict[str, Path] = {}
    for folder in (_shipped_theme_folder(), user_theme_folder()):
        if folder.is_dir():
            found |= {path.stem: path for path in sorted(folder.glob("*.toml"))}
    return found


def usable_theme(name: str) -> tuple[Theme, list[HeimdallError]]:
    """A theme by its name, or the default one.

    Returns:
        The theme, and what was wrong with the one that was asked for.

    Raises:
        HeimdallError: The default theme is damaged, too.
    """
    files = theme_files()
    errors: list[HeimdallError] = []
    if name in files:
        try:
            return load_theme(files[name]), errors
        except HeimdallError as error:
            errors.append(error)
    elif name:
        errors.append(
            HeimdallError(
                f"There is no theme {name}",
                unharmed=f"{DEFAULT_THEME} is used",
                action="Choose one of " + ", ".join(files),
            )
        )
    return load_theme(_shipped_theme_folder() / f"{DEFAULT_THEME}.toml"), errors


def load_theme(path: Path) -> Theme:
    """The theme of a file; its name is the file's.

    Raises:
        HeimdallError: The file cannot be read, or a color is missing or none.
    """
    try:
        colors = parse_toml(read_regular(path).decode())
    except (OSError, ValueError) as error:
        raise _wrong(path, str(error)) from error
    problems = list(_problems(colors))
    if problems:
        raise _wrong(path, "; ".join(problems))
    surface, text, message = colors["surface"], colors["text"], colors["message"]
    variables = {
        f"{prefix}{key}": colors[section][key]
        for section, (prefix, keys) in _GROUPS.items()
        for key in keys
    }
    variables |= {f"series-{i}": color for i, color in enumerate(colors["chart"]["series"], 1)}
    variables |= {
        "muted": text["muted"],
        "footer-background": surface["background"],
        "block-cursor-background": surface["panel"],
        "block-cursor-foreground": text["foreground"],
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": surface["surface"],
        "block-cursor-blurred-foreground": text["foreground"],
        "border": text["accent"],
        "border-blurred": colors["chart"]["grid"],
        "scrollbar": colors["chart"]["grid"],
        "scrollbar-background": surface["background"],
        "scrollbar-background-hover": surface["background"],
        "scrollbar-background-active": surface["background"],
        "scrollbar-corner-color": surface["background"],
        "scrollbar-hover": text["muted"],
        "scrollbar-active": text["accent"],
    }
    return Theme(
        name=path.stem,
        primary=text["accent"],
        secondary=text["accent"],
        accent=text["accent"],
        foreground=text["foreground"],
        background=surface["background"],
        surface=surface["surface"],
        panel=surface["panel"],
        success=message["success"],
        warning=message["warning"],
        error=message["error"],
        dark=bool(colors.get("dark", True)),
        variables=variables,
    )


def _problems(colors: dict[str, Any]) -> Iterator[str]:
    needed = {
        "surface": ("background", "surface", "panel"),
        "text": ("foreground", "muted", "accent"),
        "message": ("success", "warning", "error"),
        **{section: keys for section, (_, keys) in _GROUPS.items()},
    }
    for section, keys in needed.items():
        given = colors.get(section)
        if not isinstance(given, dict):
            yield f"the section [{section}] is missing"
            continue
        for key in keys:
            if not _is_color(given.get(key)):
                yield f"{section}.{key} is no color like #62b0e8"
    chart = colors.get("chart")
    series = chart.get("series") if isinstance(chart, dict) else None
    if not (
        isinstance(series, list) and len(series) == SERIES_COLORS and all(map(_is_color, series))
    ):
        yield f"chart.series needs {SERIES_COLORS} colors like #62b0e8"


def _is_color(value: object) -> bool:
    return isinstance(value, str) and bool(_COLOR.fullmatch(value))


def _wrong(path: Path, why: str) -> HeimdallError:
    return HeimdallError(
        f"The theme {path} cannot be used",
        why=why,
        unharmed="The colors are as they were",
        action=f"Compare it with the shipped {DEFAULT_THEME}.toml, or remove it",
    )
