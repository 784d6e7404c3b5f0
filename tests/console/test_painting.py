"""Each cell is painted once, and as stock Textual paints it."""

from typing import Final

import pytest
from textual._compositor import Compositor
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.geometry import Region
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import DataTable, Static

from heimdall_console import painting

STOCK: Final = Compositor._render_chops


class Over(ModalScreen[None]):
    CSS = "Over { align: center middle; } Static { width: 20; height: 3; border: round red; }"

    def compose(self) -> ComposeResult:
        yield Static("in the middle")


class Crowded(App[None]):
    CSS = """
    Screen { layers: default above; }
    DataTable { height: 1fr; }
    #left { width: 24; height: 8; border: round blue; overflow: auto; }
    #badge { layer: above; position: absolute; offset: 10 3; width: 17; height: 4; background: red; }
    #edge { layer: above; position: absolute; offset: 70 14; width: 20; height: 8; }
    """

    def compose(self) -> ComposeResult:
        with Vertical(id="left"):
            yield Static("漢字かな " * 40)
        yield DataTable()
        yield Static("over two others", id="badge")
        yield Static("beyond the edge", id="edge")

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("run", "loss")
        table.add_rows((f"run-{n}", f"{1 / (n + 1):.4f}") for n in range(50))


def painted(screen: Compositor, crop: Region, *, stock: bool) -> list[Strip]:
    """What is seen of each line inside a crop."""
    paint = STOCK if stock else painting._render_chops
    found = paint(screen, crop, lambda y: crop.y <= y < crop.bottom)
    return [
        Strip.join(list(found[y].values())).crop(crop.x, crop.right).simplify()
        for y in range(crop.y, crop.bottom)
    ]


@pytest.mark.parametrize("is_covered", [False, True])
async def test_the_same_is_seen_as_stock_textual_paints(is_covered: bool) -> None:
    app = Crowded()
    async with app.run_test(size=(80, 24)) as pilot:
        if is_covered:
            await app.push_screen(Over())
        await pilot.pause()
        compositor = app.screen._compositor
        for crop in (Region(0, 0, 80, 24), Region(5, 2, 30, 9), Region(60, 18, 20, 6)):
            assert painted(compositor, crop, stock=False) == painted(compositor, crop, stock=True)
        seen = "".join(s.text for s in painted(compositor, Region(0, 0, 80, 24), stock=False))
        wanted = ["loss", "over two others", "beyond t", "in the middle"]
        assert [text for text in wanted if text in seen] == wanted[: 4 if is_covered else 3]
