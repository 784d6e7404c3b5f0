"""Which way metrics are better, as a person has said; asked once and remembered for every screen."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from heimdall_console.preferences import Preferences

SECTION, KEY = "runs", "directions"
WAYS: Final = {"min": "small values are good", "max": "large values are good"}


def said_directions(preferences: "Preferences") -> dict[str, str]:
    """Metric → `min` or `max`."""
    said = preferences.get(SECTION, KEY, {})
    return {name: way for name, way in said.items() if way in WAYS}
