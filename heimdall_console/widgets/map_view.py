"""A map of receivers and sessions that can be moved, zoomed and pointed at."""

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from textual.binding import Binding, BindingType
from textual.message import Message

from heimdall_console.charts.chart_header import Header, draw_header
from heimdall_console.charts.picture import Picture, Sheet
from heimdall_console.charts.position_map import (
    MapPoints,
    MapScale,
    Viewport,
    draw_map,
    error_m,
    map_scale,
)
from heimdall_console.formatting import meters, plain
from heimdall_console.widgets.chart import Chart

if TYPE_CHECKING:
    from textual import events

_ZOOM_STEP: Final = 0.8
_PAN_SHARE: Final = 0.2


class MapView(Chart):
    """Shows positions to scale; the part that is shown is its own affair."""

    HELP: ClassVar[str] = (
        "A click chooses the nearest session, dragging moves the map, the wheel zooms."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "pan(-1, 0)", "west"),
        Binding("right", "pan(1, 0)", "east"),
        Binding("up", "pan(0, 1)", "north"),
        Binding("down", "pan(0, -1)", "south"),
        Binding("plus,equals_sign", "zoom(1)", "zoom in"),
        Binding("minus", "zoom(-1)", "zoom out"),
        Binding("0", "show_all", "whole map"),
        Binding("j", "choose(1)", "next session"),
        Binding("k", "choose(-1)", "session before"),
    ]

    class SessionChosen(Message):
        """A session was chosen, or with None none any more.

        Args:
            map_view: Where.
            session: Its position among the truths.
        """

        def __init__(self, map_view: "MapView", session: int | None) -> None:
            self.map_view = map_view
            self.session = session
            super().__init__()

        @property
        def control(self) -> "MapView":
            """The map."""
            return self.map_view

    def __init__(
        self, title: str = "", *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.title = title
        self.points = MapPoints()
        self.viewport = Viewport()
        self._drag: tuple[int, int, MapScale] | None = None
        self._has_dragged = False

    def show(self, points: MapPoints) -> None:
        """Show other positions, all of them at first."""
        self.points, self.viewport = points, Viewport()
        self.redraw()

    def choose(self, session: int | None) -> None:
        """Mark a session; None marks none. Nothing is posted."""
        self._look(replace(self.viewport, chosen=session))

    def draw(self, columns: int, rows: int) -> Picture:
        """Header, map and legend."""
        sheet = Sheet(columns, rows)
        header = Header(self.title, self._value())
        draw_header(sheet, header, is_focused=self.has_focus, ascii_only=self.ascii_only)
        drawn = draw_map(self.points, self.viewport, columns, rows - 1, symbols=self.symbols)
        sheet.paste(0, 1, drawn)
        return sheet.picture()

    def action_pan(self, east: int, north: int) -> None:
        """Move the part that is shown by a fifth of it."""
        scale = self._scale()
        self._move(
            scale,
            east * _PAN_SHARE * scale.columns * scale.meters_per_row / 2,
            north * _PAN_SHARE * scale.rows * scale.meters_per_row,
        )

    def action_zoom(self, direction: int) -> None:
        """Zoom around the middle."""
        scale = self._scale()
        self._zoom(scale.center, direction)

    def action_show_all(self) -> None:
        """Show all of the map."""
        self._look(Viewport(chosen=self.viewport.chosen))

    def action_choose(self, direction: int) -> None:
        """Choose the session after or before the chosen one."""
        count = len(self.points.truths)
        if count:
            chosen = self.viewport.chosen
            begin = -1 if direction > 0 else 0
            self._choose((begin if chosen is None else chosen) + direction, count)

    def on_mouse_down(self, event: "events.MouseDown") -> None:
        """A drag or a click begins."""
        if event.button == 1:
            self._drag = (event.x, event.y, self._scale())
            self._has_dragged = False
            self.capture_mouse()

    def on_mouse_move(self, event: "events.MouseMove") -> None:
        """Drag the map."""
        if self._drag is None:
            return
        x, y, scale = self._drag
        if (event.x, event.y) != (x, y) or self._has_dragged:
            self._has_dragged = True
            east_m = (x - event.x) * scale.meters_per_row / 2
            self._move(scale, east_m, (event.y - y) * scale.meters_per_row)

    def on_mouse_up(self, event: "events.MouseUp") -> None:
        """A drag ends."""
        if self._drag is not None:
            self._drag = None
            self.release_mouse()

    def on_click(self, event: "events.Click") -> None:
        """Choose the nearest session."""
        if not self._has_dragged:
            nearest = self.points.nearest(*self._scale().point(event.x, event.y - 1))
            if nearest is not None:
                self._choose(nearest, len(self.points.truths))

    def on_mouse_scroll_up(self, event: "events.MouseScrollUp") -> None:
        """Zoom in around the mouse."""
        event.stop()
        self._zoom(self._scale().point(event.x, event.y - 1), 1)

    def on_mouse_scroll_down(self, event: "events.MouseScrollDown") -> None:
        """Zoom out around the mouse."""
        event.stop()
        self._zoom(self._scale().point(event.x, event.y - 1), -1)

    def _value(self) -> str:
        chosen = self.viewport.chosen
        if chosen is None:
            return ""
        error = error_m(self.points, chosen)
        name = f"session {plain(self.points.name(chosen))}"
        return name + (f"  {meters(error)} off" if np.isfinite(error) else "")

    def _scale(self) -> MapScale:
        width, height = self.size
        return map_scale(self.points, self.viewport, width, height - 1)

    def _choose(self, session: int, count: int) -> None:
        session %= count
        self.choose(session)
        self.post_message(self.SessionChosen(self, session))

    def _move(self, scale: MapScale, east_m: float, north_m: float) -> None:
        east, north = scale.center
        self._look(
            replace(
                self.viewport,
                center=(east + east_m, north + north_m),
                meters_per_row=scale.meters_per_row,
            )
        )

    def _zoom(self, around: tuple[float, float], direction: int) -> None:
        scale = self._scale()
        factor = _ZOOM_STEP if direction > 0 else 1 / _ZOOM_STEP
        east, north = (
            fixed + (center - fixed) * factor
            for fixed, center in zip(around, scale.center, strict=True)
        )
        self._look(
            replace(
                self.viewport,
                center=(east, north),
                meters_per_row=scale.meters_per_row * factor,
            )
        )

    def _look(self, viewport: Viewport) -> None:
        self.viewport = viewport
        self.redraw()
