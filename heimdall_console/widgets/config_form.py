"""A form of a configuration, edited where its values stand."""

from typing import TYPE_CHECKING

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Input

from heimdall_console.widgets.form_messages import FormMoved, FormTyped
from heimdall_console.widgets.form_rows import FormRows
from heimdall_console.widgets.text_field import TextField

if TYPE_CHECKING:
    from heimdall_console.config_fields import ConfigField


class ConfigForm(Container):
    """The lines, and over the cursor's value a text field while it is edited."""

    DEFAULT_CSS = """
    ConfigForm {
        layers: below above;
        width: 1fr;
        height: 1fr;
        & > FormRows { layer: below; }
        & > #form-editor { layer: above; display: none; height: 1; padding: 0; border: none; }
    }
    """

    def __init__(self, *, ascii_only: bool) -> None:
        super().__init__(id="config-form")
        self.rows = FormRows(self.begin_edit, self.place_editor, ascii_only=ascii_only)
        self.editor = TextField(id="form-editor")
        self._edited: ConfigField | None = None

    def compose(self) -> ComposeResult:
        """Lines and field."""
        yield self.rows
        yield self.editor

    @property
    def field(self) -> "ConfigField | None":
        """The field under the cursor; None on the title of a section."""
        return self.rows.line.field if self.rows.line is not None else None

    def begin_edit(self, text: str | None = None) -> None:
        """Edit the field under the cursor where it stands."""
        field, document = self.field, self.rows.document
        if field is None or document is None:
            return
        self.rows.show_cursor()
        self._edited = None
        self.editor.value = field.shown(document.flat[field.key]) if text is None else text
        self._edited = field
        self.editor.display = True
        self.place_editor()
        self.screen.set_focus(self.editor)
        self.editor.action_end()

    def end_edit(self, move: int = 0) -> None:
        """Leave the field; what was typed stays."""
        if self._edited is None:
            return
        self._edited = None
        self.editor.display = False
        self.screen.set_focus(self.rows)
        if move:
            self.rows.action_move(move)
        self.post_message(FormMoved())

    @property
    def is_editing(self) -> bool:
        """Whether a field is being edited."""
        return self._edited is not None

    def place_editor(self) -> None:
        """Lay the field over the value of the cursor's line."""
        y = self.rows.cursor_y
        if not 0 <= y < self.rows.size.height:
            self.end_edit()
            return
        self.editor.styles.width = self.rows.value_width
        self.editor.styles.offset = (self.rows.value_start, y)

    def on_resize(self) -> None:
        """The value is elsewhere now."""
        if self.is_editing:
            self.call_after_refresh(self.place_editor)

    @on(Input.Changed, "#form-editor")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self._edited is not None:
            self.post_message(FormTyped(self._edited, event.value))

    @on(Input.Submitted, "#form-editor")
    def _done(self, event: Input.Submitted) -> None:
        event.stop()
        self.end_edit()

    @on(events.Key)
    def _keys(self, event: events.Key) -> None:
        moves = {"up": -1, "down": 1, "tab": 1, "shift+tab": -1}
        if self.is_editing and event.key in moves:
            event.stop()
            event.prevent_default()
            self.end_edit(moves[event.key])

    @on(events.DescendantBlur)
    def _left(self) -> None:
        if self.is_editing and not self.editor.has_focus:
            self._edited = None
            self.editor.display = False
            self.post_message(FormMoved())
