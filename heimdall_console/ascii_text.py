"""What stands for our signs where only ASCII is shown; each is as wide as what it stands for."""

from typing import Final

SIGNS: Final[dict[str, str]] = {
    "…": "~",
    "—": "-",
    "–": "-",
    "−": "-",
    "→": ">",
    "←": "<",
    "↑": "^",
    "↓": "v",
    "×": "x",
    "·": ".",
    "•": "*",
    "●": "*",
    "○": "o",
    "■": "#",
    "‖": "|",
    "✓": "+",
    "✗": "x",
    "▌": "|",
    "│": "|",
    "─": "-",
    "²": "2",
    "°": "d",
    "∞": "I",
    "▲": "^",
    "▼": "v",
    "▸": ">",
    "▾": "v",
    "\u00a0": " ",
    **dict.fromkeys("▁▂▃▄▅▆▇", " "),  # the ends of a scroll bar
}
"""Sign → ASCII."""
