"""A widget that shows a picture of cells and sends only the cells that changed."""

from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from rich.color import Color as RichColor
from rich.color import ColorType, blend_rgb
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Region, Spacing
from textual.strip import Strip
from textual.widget import Widget

from heimdall_console.widgets.ink import SERIES, Ink

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    from textual import events

    from heimdall_console.charts.canvas import Symbols
    from heimdall_console.charts.picture import Picture

_NO_GUTTER: Final = Spacing()
_DIM_SHARE: Final = 0.55
_NEAR_CELLS: Final = 6  # moving the cursor of the terminal costs about as much as these


class Chart(Widget, can_focus=True):
    """Draws when its data, its view or its size changed, and never otherwise.

    Styles of a picture are names of `INKS`. Of each, `<name>-raw` and `<name>-ghost` are dimmer
    and `<name>-mark` is bold.
    """

    ALLOW_SELECT = False
    INKS: ClassVar["Mapping[str, Ink]"] = {
        "axis": Ink("chart-axis", share=0.6),
        "grid": Ink("chart-grid"),
        "label": Ink("chart-axis"),
        "unit": Ink("chart-axis", share=0.7),
        "legend": Ink("foreground"),
        "legend-value": Ink("foreground", bold=True),
        "note": Ink("muted"),
        "alert": Ink("warning"),
        "best": Ink("chart-best"),
        "cursor": Ink("accent"),
        "cursor-label": Ink("accent", bold=True),
        "reference": Ink("chart-axis"),
        "other": Ink("chart-axis"),
        "rule": Ink("chart-grid"),
        "rule-focused": Ink("accent"),
        "title": Ink("foreground"),
        "title-focused": Ink("accent", bold=True),
        "value": Ink("foreground", bold=True),
        "trend": Ink("muted"),
        "receiver": Ink("map-receiver"),
        "truth": Ink("map-truth"),
        "estimate": Ink("map-estimate"),
        "error": Ink("map-error"),
        **SERIES,
    }
    """Name of a style in pictures → how it is written."""
    DEFAULT_CSS = """
    Chart { width: 1fr; height: 1fr; color: $foreground; }
    """

    def __init__(
        self,
        *,
        symbols: "Symbols | None" = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._symbols = symbols
        self._picture: Picture | None = None
        self._strips: list[Strip | None] = []
        self._resolved: dict[str, Style] = {}
        self._own_background: Color | None = None

    @property
    def symbols(self) -> "Symbols":
        """What curves are made of: as asked for, else what the app can show."""
        if self._symbols is None:
            return "ascii" if getattr(self.app, "ascii_only", False) else "braille"
        return self._symbols

    @property
    def ascii_only(self) -> bool:
        """Whether only ASCII characters may be used."""
        return self.symbols == "ascii"

    @property
    def picture(self) -> "Picture | None":
        """What is shown."""
        return self._picture

    @property
    def is_drawn(self) -> bool:
        """Whether there is a picture of the size that the widget has."""
        picture = self._picture
        return picture is not None and (picture.columns, picture.row_count) == self.size

    def draw(self, columns: int, rows: int) -> "Picture":
        """The picture to show, of a given size."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Draw anew; what is the same on the screen is not sent again."""
        width, height = self.size
        if not (self.is_mounted and width and height):
            return
        before, self._picture = self._picture, self.draw(width, height)
        if before is None or before.codes.shape != self._picture.codes.shape:
            self._strips = [None] * self._picture.row_count
            self.refresh()
            return
        regions = _stretches(self._picture.changed_cells(before))
        if regions:
            for region in regions:
                self._strips[region.y] = None
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """A row of the picture."""
        if self._picture is None or y >= len(self._strips):
            blank = Strip.blank(self.size.width, self.visual_style.rich_style)
            for line_filter in self.get_line_filters():
                blank = blank.apply_filter(line_filter, self._background())
            return blank
        strip = self._strips[y]
        if strip is None:
            segments = [Segment(text, self._style(name)) for text, name in self._picture.row(y)]
            for line_filter in self.get_line_filters():
                segments = line_filter.apply(segments, self._background())
            strip = self._strips[y] = Strip(segments, self._picture.columns)
        return strip

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows of a region.

        A chart without border or padding skips what Textual does for those: it costs more than
        drawing the chart.
        """
        if self.styles.gutter != _NO_GUTTER or self.styles.outline or self.opacity != 1:
            return super().render_lines(crop)
        strips = [self.render_line(y) for y in crop.line_range]
        if crop.column_span == (0, self.size.width):
            return strips
        return [strip.crop(*crop.column_span) for strip in strips]

    def notify_style_update(self) -> None:
        """Forget the colors of the theme before."""
        super().notify_style_update()
        self._resolved.clear()
        self._own_background = None
        self._strips = [None] * len(self._strips)

    def on_resize(self, event: "events.Resize") -> None:
        """Draw for the new size."""
        self.redraw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show whether the focus is here; handlers of the events are called before it is known."""
        super().watch_has_focus(has_focus)
        self.redraw()

    def _background(self) -> Color:
        if self._own_background is None:
            self._own_background = self.background_colors[1]
        return self._own_background

    def _style(self, name: str) -> Style:
        style = self._resolved.get(name)
        if style is None:
            style = self._resolved[name] = self._resolve(name)
        return style

    def _resolve(self, name: str) -> Style:
        ink = self.INKS.get(name)
        if ink is not None:
            return ink.style(self.app.theme_variables, self._background())
        base, _, variant = name.rpartition("-")
        if not base:
            return self.visual_style.rich_style
        style = self._style(base)
        return style + Style(bold=True) if variant == "mark" else _dimmer(style)


def _dimmer(style: Style) -> Style:
    """The style with its color nearer to the background."""
    color, background = style.color, style.bgcolor
    if color is None or color.type is not ColorType.TRUECOLOR or background is None:
        return style + Style(dim=True)
    blended = blend_rgb(background.get_truecolor(), color.get_truecolor(), _DIM_SHARE)
    return style + Style(color=RichColor.from_triplet(blended))


def _stretches(changed: "npt.NDArray[np.bool_]") -> list[Region]:
    """The changed cells of all rows; those near one another in a row are one stretch."""
    rows, columns = changed.nonzero()
    if not len(rows):
        return []
    is_cut = (rows[1:] != rows[:-1]) | (columns[1:] - columns[:-1] > _NEAR_CELLS)
    cuts = is_cut.nonzero()[0]
    begins = np.concatenate([[0], cuts + 1])
    ends = np.concatenate([cuts, [len(rows) - 1]])
    return [
        Region(begin, row, end + 1 - begin, 1)
        for row, begin, end in zip(
            rows[begins].tolist(), columns[begins].tolist(), columns[ends].tolist(), strict=True
        )
    ]
