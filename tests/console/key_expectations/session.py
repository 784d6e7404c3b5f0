"""A table of what each key has to do, and who presses it: `test_keys.py` walks the help."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import orjson
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

import heimdall_console.app
from heimdall_console.app import HeimdallApp
from heimdall_console.screens.dialogs.help_page import HelpPage
from tests.console.recorded_home import HOST, NOW, RecordedHome
from tests.console.test_models import PROOF
from tests.console.test_models import answer as registered
from training_core.contract.jobs import JobArguments

TIMEOUT_S = 20.0
Wanted = TypeVar("Wanted")
Expectation = Callable[["Session", str], Awaitable[None]]

EXPECTED: dict[str, Expectation] = {}
"""`screen.action`, or `Widget.what the help says` → presses the key and sees to its effect."""


def expects(name: str) -> Callable[[Expectation], Expectation]:
    """Say what the keys of an action do."""

    def keep(expectation: Expectation) -> Expectation:
        assert name not in EXPECTED, f"{name} is expected twice"
        EXPECTED[name] = expectation
        return expectation

    return keep


class Console(HeimdallApp):
    """The app; jobs and toasts are noted, because a worker loads PyTorch for seconds."""

    CSS_PATH = str(Path(heimdall_console.app.__file__).with_name("app.tcss"))

    def __init__(self, home: Path, **options: Any) -> None:
        super().__init__(home, host=HOST, clock=lambda: NOW, **options)
        self.reader = Reader()
        self._tracking = self.reader  # type: ignore[assignment]
        self.asked: list[tuple[str, JobArguments]] = []
        self.said: list[str] = []

    def start_job(self, kind: str, arguments: JobArguments, title: str) -> None:
        self.asked.append((kind, arguments))

    def notify(self, message: str, **options: Any) -> None:
        self.said.append(message)


class Reader:
    """Answers as the process that reads MLflow does: one run of another program, one model."""

    shown_uri = "http://mlflow.test"
    RUN_ID = "b" * 32

    def __init__(self) -> None:
        self.requests: list[str] = []

    def stream(self, request: str, **asked: Any) -> Iterator[dict[str, Any]]:
        self.requests.append(request)
        if request == "models":
            yield registered()
        elif request == "runs":
            yield {"runs": [self.row()]}
        elif request == "history":
            for name in asked["metrics"]:
                steps = list(range(20))
                times = [1000 * int(NOW) + 1000 * step for step in steps]
                values = [1.0 / (step + 1) for step in steps]
                yield {
                    "metric": name,
                    "steps": steps,
                    "times_ms": times,
                    "values": values,
                    "total": 20,
                }

    def answer(self, request: str, **asked: Any) -> dict[str, Any]:
        self.requests.append(request)
        if request == "preview":
            is_proof = asked["path"].endswith(".json")
            text = orjson.dumps(PROOF).decode() if is_proof else "[trainer]\nepochs = 3\n"
            return {"kind": "text", "text": text, "is_cut": False, "size_bytes": len(text)}
        if request == "versions":
            return {"versions": [{"name": "campus", "version": 3}]}
        if request == "artifacts":
            return {"artifacts": [{"path": "config.toml", "is_folder": False, "size_bytes": 9}]}
        return {"run": {"params": {"depth": "4"}}} if request == "run" else {}

    def close(self) -> None:
        pass

    def row(self) -> dict[str, Any]:
        return {
            "id": self.RUN_ID,
            "name": "elsewhere",
            "experiment": "others",
            "user": "ada",
            "status": "FINISHED",
            "start_ms": 1000 * int(NOW) - 7_200_000,
            "end_ms": 1000 * int(NOW) - 3_600_000,
            "params": {"lr": "0.1"},
            "tags": {},
            "metrics": {f"metric-{place:02d}": 0.05 for place in range(30)},
        }


@dataclass
class Session:
    """The console with the recorded home, and who types at it."""

    app: Console
    pilot: Pilot[Any]
    home: RecordedHome
    screen: Screen[Any] | None = None
    """The screen whose help is walked."""
    focus: str = ""
    """What has the focus before each key."""
    walked: set[str] = field(default_factory=set)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, is_so: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not is_so():
            if time.monotonic() > deadline:
                app = self.app
                raise AssertionError(f"no {what}: {app.screen}, {app.said}, {app._errors[-1:]}")
            await asyncio.sleep(0.01)

    async def gives(self, kind: type[Wanted], what: str = "") -> Wanted:
        """The dialog or screen that a key opens."""
        await self.until(lambda: isinstance(self.app.screen, kind), what or kind.__name__)
        found = self.app.screen
        assert isinstance(found, kind)
        return found

    async def says(self, words: str) -> None:
        await self.until(lambda: any(words in said for said in self.app.said), words)
        self.app.said.clear()

    async def types(self, text: str) -> None:
        """Put a text into the field with the focus, and enter it."""
        field = self.app.focused
        if not isinstance(field, Input):
            field = self.app.screen.query_one(Input)
        field.value = text
        await self.pilot.pause()
        await self.pilot.press("enter")

    async def goes_to(self, mode: str) -> None:
        await self.until(lambda: self.app.current_mode == mode, f"the screen {mode}")

    @property
    def reader(self) -> Reader:
        return self.app.reader

    def copied(self) -> str:
        return self.app.clipboard

    def at(self, kind: type[Wanted]) -> Wanted:
        """The screen that is walked."""
        assert isinstance(self.screen, kind)
        return self.screen

    def widget(self, kind: type[Widget]) -> Any:
        """What has the focus."""
        found = self.app.focused
        assert isinstance(found, kind)
        return found

    def commands(self) -> list[dict[str, Any]]:
        """What the running run was asked for."""
        folder = self.home.run("running").commands
        return [orjson.loads(path.read_bytes()) for path in sorted(folder.iterdir())]

    async def asks(self, **wanted: Any) -> None:
        """The running run is asked for something; nobody answers it."""

        def is_asked() -> bool:
            return any(wanted.items() <= command.items() for command in self.commands())

        await self.until(is_asked, f"the command {wanted}")
        for path in self.home.run("running").commands.iterdir():
            path.unlink()

    async def return_to_screen(self) -> None:
        """Leave whatever the last key opened, and give the focus back."""
        app, wanted = self.app, self.screen
        assert wanted is not None
        for _ in range(10):
            if app.screen is wanted:
                break
            if wanted not in app.screen_stack and app.screen.is_modal:
                await app.screen.dismiss(None)
            elif wanted not in app.screen_stack:
                app.switch_mode(self.mode)
            else:
                app.screen.dismiss(None)
            await self.pilot.pause()
        assert app.screen is wanted, app.screen_stack
        if self.focus:
            target = wanted.query_one(self.focus)
            if app.focused is not target:
                target.focus()
                await self.pilot.pause()
            assert app.focused is target, app.focused
        app.said.clear()

    mode: str = "runs"

    async def help(self) -> HelpPage:
        """What the help says of what has the focus."""
        await self.press("question_mark")
        page = await self.gives(HelpPage)
        await self.press("escape")
        await self.return_to_screen()
        return page

    async def walk_widget(self, focus: str = "", *, only_new: bool = False) -> HelpPage:
        """Press every key that the help names for what has the focus."""
        self.focus = focus or self.focus
        await self.return_to_screen()
        widget = type(self.app.focused).__name__
        page = await self.help()
        for keys, says in page._widget_keys:
            if not only_new or f"{widget}.{says}" not in self.walked:
                for key in keys.split(","):
                    await self.press_expected(f"{widget}.{says}", key)
        return page

    async def walk(self, place: str, *, only_new: bool = False) -> None:
        """Press every key that the help names, first of the widget, then of the screen."""
        page = await self.walk_widget(only_new=only_new)
        for action in page._own:
            if not only_new or f"{place}.{action.name}" not in self.walked:
                for key in action.keys.split(","):
                    await self.press_expected(f"{place}.{action.name}", key.strip())

    async def walk_everywhere(self) -> None:
        """Press every key that the help names for all screens; leaving comes last."""
        page = await self.help()
        for action in page._always:
            for key in action.keys.split(","):
                await self.press_expected(f"app.{action.name}", key.strip())

    async def press_expected(self, name: str, key: str) -> None:
        assert name in EXPECTED, f"the help names {name} ({key}), and no test expects anything"
        try:
            await EXPECTED[name](self, key)
        except Exception as error:
            error.add_note(f"key {key} of {name}")
            raise
        self.walked.add(name)
        if self.app.is_running and self.app._exit is False:
            await self.return_to_screen()
