"""What of the screen Live is there again the next time."""

from typing import TYPE_CHECKING, Final, Protocol

from heimdall_console.live_charts import SMOOTHINGS, LiveChoices
from heimdall_console.run_places import X_UNITS
from heimdall_console.said_directions import said_directions
from training_core.contract.metric_directions import KNOWN_DIRECTIONS

if TYPE_CHECKING:
    from heimdall_console.preferences import Preferences

SECTION: Final = "live"
_MOST: Final = 6
_JUDGED: Final = {n: way for n, way in KNOWN_DIRECTIONS.items() if not n.startswith("train/")}
"""Of what is measured by training steps the best is a step of noise, and another one at any time."""


class Chosen(Protocol):
    """What has choices to remember."""

    choices: LiveChoices
    smoothing: float
    grid_shape: tuple[int, int]
    hardware_wish: str
    wants_ghost: bool


def load_choices(screen: Chosen, preferences: "Preferences") -> None:
    """Take what was chosen the last time, as far as it still makes sense."""

    def texts(key: str) -> list[str]:
        return [text for text in preferences.get(SECTION, key, []) if isinstance(text, str)]

    x_unit = preferences.get(SECTION, "x_unit", "step")
    choices = LiveChoices(
        x_unit=x_unit if x_unit in X_UNITS else "step",
        fits_data=preferences.get(SECTION, "fits_data", False),
        log_metrics=set(texts("log_metrics")),
        pins=texts("pins"),
        directions={**_JUDGED, **said_directions(preferences)},
    )
    screen.choices = choices
    smoothing = preferences.get(SECTION, "smoothing", 0.0)
    screen.smoothing = smoothing if smoothing in SMOOTHINGS else 0.0
    shape = preferences.get(SECTION, "grid", [0, 0])
    if len(shape) == 2 and all(type(n) is int and 0 <= n <= _MOST for n in shape):
        screen.grid_shape = (shape[0], shape[1])
    wish = preferences.get(SECTION, "hardware", "auto")
    screen.hardware_wish = wish if wish in ("auto", "on", "off") else "auto"
    screen.wants_ghost = preferences.get(SECTION, "ghost", True)


def choices_to_keep(screen: Chosen) -> dict[str, object]:
    """Every choice as plain JSON, by its key."""
    return {
        "x_unit": screen.choices.x_unit,
        "fits_data": screen.choices.fits_data,
        "log_metrics": sorted(screen.choices.log_metrics),
        "pins": screen.choices.pins,
        "smoothing": screen.smoothing,
        "grid": list(screen.grid_shape),
        "hardware": screen.hardware_wish,
        "ghost": screen.wants_ghost,
    }
