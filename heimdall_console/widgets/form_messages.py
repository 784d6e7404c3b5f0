"""What a configuration form tells its screen."""

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from heimdall_console.config_fields import ConfigField


class FormTyped(Message):
    """Something was typed into a field.

    Args:
        field: The field.
        text: All that stands in it.
    """

    def __init__(self, field: "ConfigField", text: str) -> None:
        self.field, self.text = field, text
        super().__init__()


class FormPicked(Message):
    """A value was chosen without typing.

    Args:
        field: The field.
        literal: The value as TOML.
    """

    def __init__(self, field: "ConfigField", literal: str) -> None:
        self.field, self.literal = field, literal
        super().__init__()


class FormAsked(Message):
    """A field that offers things to choose from was opened.

    Args:
        field: The field.
    """

    def __init__(self, field: "ConfigField") -> None:
        self.field = field
        super().__init__()


class FormMoved(Message):
    """The cursor is on another line, or a field was left."""


class FormFolded(Message):
    """A section is to be folded or unfolded.

    Args:
        section: Its name.
        is_open: Whether its fields are to be shown; None for the other way around.
    """

    def __init__(self, section: str, is_open: bool | None = None) -> None:
        self.section, self.is_open = section, is_open
        super().__init__()
