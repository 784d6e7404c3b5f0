"""Every screen at three sizes in three looks, as pictures that must not change by accident.

`make pictures` draws them anew. A picture is judged once the screen comes to look like the one
that is kept: what is still being read, however slow the machine, is waited for.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from syrupy.exceptions import SnapshotDoesNotExist
from textual.pilot import Pilot

from heimdall_console.app import HeimdallApp
from tests.console.recorded_home import HOST, NOW, SHOWN_HOME, RecordedHome, held_lock
from tests.console.registered_home import MODEL, home_folder, make_registered_home
from tests.console.screen_picture import Picture, picture_of

SIZES: Final = ((80, 24), (120, 40), (200, 60))
LOOKS: Final = {
    "dark": ("heimdall-dark", False),
    "light": ("heimdall-light", False),
    "ascii": ("", True),
}
LOOK_AGAIN_S: Final = 0.05
RESTS_S: Final = 2.0
"""A screen that shows all it should and has not changed for so long will not change any more."""
DEADLINE_S: Final = 60.0
MOST_ROWS: Final = 8
TEXT: Final = re.compile(r">([^<]+)</text>")
ELEMENT: Final = re.compile(r"<(?:rect|text)[^>]*>[^<]*")
UNDER_WAY: Final = ("reading", "Reading", "Looking for", "MLflow …", "MLflow ...")
"""What no screen says any more once everything is read."""


@dataclass(frozen=True)
class Scene:
    """A screen, how to come there, and what it shows at every size once everything is read."""

    go: Callable[[HeimdallApp, RecordedHome], None]
    shows: tuple[str, ...]


SCENES: Final = {
    "runs": Scene(lambda app, home: app.show("runs"), ("campus-baseline", "import of campus")),
    "live": Scene(lambda app, home: app.show_live(home.ids["running"]), ("behind",)),
    "live-failed": Scene(lambda app, home: app.show_live(home.ids["failed"]), ("behind",)),
    "live-several": Scene(
        lambda app, home: app.show_live(home.ids["finished"], home.ids["crashed"]),
        ("campus-baseline", "campus-long-first"),
    ),
    "configure": Scene(lambda app, home: app.show_configure(home.ids["finished"]), ("experiment",)),
    "checkpoints": Scene(lambda app, home: app.show_checkpoints(home.ids["finished"]), ("best",)),
    "models": Scene(lambda app, home: app.show_models(MODEL), ("champion",)),
    "evaluate": Scene(lambda app, home: app.show_evaluate(home.ids["finished"]), ("median",)),
}


@pytest.fixture(scope="module")
def home() -> Iterator[RecordedHome]:
    """The recorded home with a registered model; its times are UTC."""
    with pytest.MonkeyPatch.context() as patch, home_folder() as folder:
        patch.setenv("TZ", "UTC")
        time.tzset()
        patch.setenv("HEIMDALL_HOME", str(folder))
        made = make_registered_home(folder)
        with held_lock(made.run("running")):
            yield made
    time.tzset()


@pytest.fixture
def kept(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(SVGImageExtension)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("look", LOOKS)
async def test_every_screen_looks_as_it_did(
    look: str,
    home: RecordedHome,
    kept: SnapshotAssertion,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("HEIMDALL_HOME", str(home.path))
    theme, ascii_only = LOOKS[look]
    app = HeimdallApp(home.path, theme=theme, ascii_only=ascii_only, host=HOST, clock=lambda: NOW)
    told = []
    async with app.run_test(size=SIZES[0], notifications=True) as pilot:
        for name, scene in SCENES.items():
            scene.go(app, home)
            for columns, rows in SIZES:
                await pilot.resize_terminal(columns, rows)
                size = f"{name}-{columns}x{rows}"
                wanted = None if kept.update_snapshots else kept_picture(kept, size)
                picture = await settled(app, pilot, home, scene, wanted)
                if picture.svg() != kept(name=size):
                    new = tmp_path / f"{look}-{size}.svg"
                    new.write_text(picture.svg(), encoding="utf-8")
                    told.append(f"{look} {size}, see {new}\n{difference(wanted, picture)}")
    assert not told, "\n\n".join(told)


def kept_picture(kept: SnapshotAssertion, size: str) -> str | None:
    """A picture as it is kept; None where there is none."""
    try:
        found = kept.extension.read_snapshot(
            test_location=kept.test_location, index=size, session_id=""
        )
    except SnapshotDoesNotExist:
        return None
    return str(found)


async def settled(
    app: HeimdallApp, pilot: Pilot[str], home: RecordedHome, scene: Scene, wanted: str | None
) -> Picture:
    """What the screen shows once it is at rest, or as soon as it is what is wanted.

    That is: the same at two looks with nothing under way, or else at rest for a while.
    """
    begun = rests_since = time.monotonic()
    before = ""
    while True:
        await pilot.pause(LOOK_AGAIN_S)
        picture = picture_of(app, {str(home.path): SHOWN_HOME})
        svg, now = picture.svg(), time.monotonic()
        if svg != before or not is_all_there(app, scene, picture.text):
            before, rests_since = svg, now
        elif svg == wanted or now - rests_since > RESTS_S:
            broken = [part for part in ("/tmp", "hd-") if part in picture.text]
            assert not broken, f"the home's path goes over two lines:\n{picture.text}"
            return picture
        assert now - begun < DEADLINE_S, f"the screen never rests:\n{picture.text}"


def is_all_there(app: HeimdallApp, scene: Scene, text: str) -> bool:
    """Whether nothing is under way that would change the screen."""
    return (
        all(worker.is_finished for worker in app.workers)
        and all(shown in text for shown in scene.shows)
        and not any(word in text for word in UNDER_WAY)
    )


def difference(wanted: str | None, picture: Picture) -> str:
    """The first rows that are others than in the picture that is kept; colors where only they are."""
    if wanted is None:
        return "no such picture is kept"
    before, after = wanted.splitlines(), picture.svg().splitlines()
    rows = [(was, now) for was, now in zip_longest(before, after, fillvalue="") if was != now]
    told = []
    for was, now in rows[:MOST_ROWS]:
        words = TEXT.findall(was), TEXT.findall(now)
        if words[0] != words[1]:
            told += ["- " + " ".join(words[0]), "+ " + " ".join(words[1])]
        else:
            parts = ELEMENT.findall(was), ELEMENT.findall(now)
            told += [f"- {part}" for part in parts[0] if part not in parts[1]]
            told += [f"+ {part}" for part in parts[1] if part not in parts[0]]
    return "\n".join([*told, f"{len(rows)} rows differ"])
