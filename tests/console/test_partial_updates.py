"""Only the cells that changed go to the terminal; Textual's private method is held to its form."""

import io

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.strip import Strip

from heimdall_console.partial_updates import send_changed_cells_only


def sent(spans: list[tuple[int, int, int]]) -> str:
    send_changed_cells_only()
    line = Strip([Segment("left pane "), Segment("right pane")])
    left, right = line.crop(0, 10), line.crop(10, 20)
    update = ChopsUpdate([{0: left, 10: right}], spans, [[10, 20]])
    return update.render_segments(Console(file=io.StringIO()))


def test_a_span_is_cut_at_both_ends() -> None:
    assert sent([(0, 12, 15)]) == "\x1b[1;13Hght"


def test_a_span_over_two_pieces_has_one_part_of_each() -> None:
    assert sent([(0, 8, 12)]) == "\x1b[1;9He \x1b[1;11Hri"


def test_a_whole_piece_is_sent_whole() -> None:
    assert sent([(0, 0, 10)]) == "\x1b[1;1Hleft pane "


def test_a_style_is_sent_once_for_all_its_cells() -> None:
    send_changed_cells_only()
    bold = Style(bold=True)
    lines = [
        {0: Strip([Segment("漢字", bold), Segment("x"), Segment(f"{n}", bold)])} for n in (1, 2)
    ]
    update = ChopsUpdate(lines, [(0, 0, 6), (1, 4, 6)], [[6], [6]])
    assert update.render_segments(Console(file=io.StringIO())) == (
        "\x1b[1m\x1b[1;1H漢字\x1b[1;6H1\x1b[2;6H2\x1b[0m\x1b[1;5Hx\x1b[2;5Hx"
    )
