"""The last net of `--ascii`: whatever is drawn, only ASCII is sent to the terminal."""

from typing import Any, Final

from rich.cells import cell_len

from heimdall_console.ascii_text import SIGNS

_TABLE: Final = str.maketrans(SIGNS)


def in_ascii(text: str) -> str:
    """The text in as many columns, without a character that ASCII lacks."""
    if text.isascii():
        return text
    return "".join(c if c.isascii() else "?" * cell_len(c) for c in text.translate(_TABLE))


def ascii_driver(driver_class: type[Any]) -> type[Any]:
    """A driver of Textual's that sends only ASCII.

    Args:
        driver_class: The driver that it is otherwise.
    """

    class AsciiDriver(driver_class):  # type: ignore[misc]  # which one depends on the system
        def write(self, data: str) -> None:
            super().write(in_ascii(data))

    return AsciiDriver
