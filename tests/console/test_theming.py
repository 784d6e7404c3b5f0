from pathlib import Path

import pytest
from textual.color import Color

from heimdall_console import theming
from training_core.contract.errors import HeimdallError

SHIPPED = sorted((Path(__file__).parents[2] / "themes").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_is_read_stands_out_from_what_lies_behind_it(path: Path) -> None:
    theme = theming.load_theme(path)
    least = 7.0 if "contrast" in path.stem else 4.5
    assert theme.background is not None
    texts = {"foreground": theme.foreground, "accent": theme.accent, "error": theme.error}
    texts |= {k: v for k, v in theme.variables.items() if k == "muted" or k.startswith("state-")}
    texts |= {k: v for k, v in theme.variables.items() if k.startswith(("series-", "map-"))}
    surfaces = [theme.background, theme.surface]
    for name, color in texts.items():
        for surface in surfaces:
            ratio = _contrast(str(color), str(surface))
            assert ratio >= least, f"{name} {color} on {surface}: {ratio:.1f}"


def test_there_are_dark_light_high_contrast_and_color_blind_safe_ones() -> None:
    names = {path.stem for path in SHIPPED}
    assert names >= {
        "heimdall-dark",
        "heimdall-light",
        "heimdall-contrast",
        "heimdall-colorblind",
    }
    assert not theming.load_theme(next(p for p in SHIPPED if p.stem == "heimdall-light")).dark


def test_a_theme_of_ones_own_replaces_a_shipped_one_and_says_what_is_wrong_with_it() -> None:
    folder = theming.user_theme_folder()
    folder.mkdir(parents=True)
    text = SHIPPED[0].read_text()
    (folder / "mine.toml").write_text(text.replace('accent = "', 'accent = "blue" # "'))
    theme, errors = theming.usable_theme("mine")
    assert theme.name == theming.DEFAULT_THEME
    assert "text.accent is no color" in errors[0].why
    (folder / "mine.toml").write_text(text)
    assert theming.usable_theme("mine")[0].name == "mine"
    assert theming.usable_theme("nowhere")[1][0].what == "There is no theme nowhere"


@pytest.mark.parametrize("text", ["", "[surface", "surface = 3", "[chart]\nseries = [1]"])
def test_a_damaged_theme_is_an_error_for_a_person(text: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text)
    with pytest.raises(HeimdallError, match="cannot be used"):
        theming.load_theme(path)


def _contrast(first: str, second: str) -> float:
    lights = sorted(_luminance(Color.parse(color)) for color in (first, second))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(color: Color) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = color.normalized
    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
