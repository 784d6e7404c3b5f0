"""What the six screens have in common: top bar, footer, background work, questions, errors."""

import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingsMap
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea
from textual.worker import Worker, WorkerState

from heimdall_console.actions import everywhere
from heimdall_console.actions.action import Action
from heimdall_console.formatting import plain
from heimdall_console.screens.dialogs.leaving import LeavesOnce
from heimdall_console.sources.thread import in_thread
from heimdall_console.widgets.key_hints import KeyHints
from heimdall_console.widgets.link_line import LinkLine
from heimdall_console.widgets.top_bar import TopBar
from training_core.contract.errors import HeimdallError

if TYPE_CHECKING:
    from heimdall_console.app import HeimdallApp
    from heimdall_console.job_rows import JobRow
    from heimdall_console.run_index import RunSummary
    from heimdall_console.screens.dialogs.text_question import Check

Result = TypeVar("Result")
Severity = str

_FUNCTION_KEY = re.compile(r"f\d+")


_LEAVE = Action(
    name="back", title="leave", keys="escape", help="Leave the text field.", in_footer=True
)


def bindings_of(prefix: str, actions: Sequence[Action]) -> list[Binding]:
    """Textual's bindings of some actions; function keys count inside text fields, too."""
    return [
        Binding(
            key.strip(),
            action.name,
            action.title,
            show=action.in_footer,
            priority=_counts_in_text(action, key.strip()),
            id=f"{prefix}.{action.name}" if place == 0 else None,
        )
        for action in actions
        for place, key in enumerate(action.keys.split(","))
        if key.strip()
    ]


def _counts_in_text(action: Action, key: str) -> bool:
    return action.priority or bool(_FUNCTION_KEY.fullmatch(key))


def while_typing(actions: Sequence[Action]) -> list[Action]:
    """The actions that have a key while somebody types, with that key."""
    found = []
    for action in actions:
        keys = (key.strip() for key in action.keys.split(","))
        key = next((key for key in keys if _counts_in_text(action, key)), "")
        if key:
            found.append(replace(action, keys=key))
    return found


def widget_keys(widget: Widget) -> list[tuple[str, str]]:
    """Keys of a widget itself, and what they do: those for the same thing together."""
    found: dict[str, list[str]] = {}
    # In the order that its class names them, not in that of what it inherits.
    for own in BindingsMap(type(widget).BINDINGS).shown_keys:
        if own.description and own in widget._bindings.shown_keys:
            found.setdefault(own.description, []).append(own.key)
    return [(",".join(keys), says) for says, keys in found.items()]


class JobsView:
    """What lies over a screen and shows jobs, too."""

    def jobs_changed(self, jobs: Sequence["JobRow"]) -> None:
        """The jobs of this home have changed."""

    def possible_actions(self) -> list[Action]:
        """What can be done there."""
        return []


class BaseScreen(LeavesOnce, Screen[None]):
    """One of the six screens; subclasses fill `compose_body` and the hooks."""

    NAME: ClassVar[str] = ""
    """Its mode: a key of `everywhere.MODES`."""
    ACTIONS: ClassVar[tuple[Action, ...]] = ()
    """What can be done here; each has a method `action_<name>`."""
    ABOUT: ClassVar[str] = ""
    """What the screen is for, in the help."""

    def __init_subclass__(cls, **extra: Any) -> None:
        """Make the bindings from the actions before Textual merges them."""
        if "BINDINGS" not in cls.__dict__:
            cls.BINDINGS = bindings_of(cls.NAME, cls.ACTIONS)  # type: ignore[assignment]
        super().__init_subclass__(**extra)

    # What a subclass fills.

    def compose_body(self) -> ComposeResult:
        """Everything between top bar and footer."""
        yield from ()

    def on_shown(self) -> None:
        """The screen has become visible, for the first time or again."""

    def runs_changed(self, runs: Sequence["RunSummary"]) -> None:
        """The runs of this home have changed; also called when the screen is made."""

    def jobs_changed(self, jobs: Sequence["JobRow"]) -> None:
        """The jobs of this home have changed; also called when the screen is made."""

    def minute_passed(self) -> None:
        """Ages are a minute older."""

    def go_back(self) -> bool:
        """Close what is open inside the screen; False where there is nothing to close."""
        return False

    # What a subclass uses.

    @property
    def console_app(self) -> "HeimdallApp":
        """The app, with what the screens share."""
        return cast("HeimdallApp", self.app)

    def run_in_thread(
        self,
        function: Callable[[], Result],
        on_done: Callable[[Result], object] | None = None,
        *,
        on_error: Callable[[Exception], object] | None = None,
        group: str = "background",
        exclusive: bool = False,
    ) -> None:
        """Work beside the event loop, then go on in it.

        Args:
            function: What to do; touches no widget.
            on_done: What to do with the result.
            on_error: What to do with an error; it is shown when None.
            group: Name of what it is part of.
            exclusive: Whether an earlier one of the group is not waited for any more.
        """

        async def work() -> None:
            try:
                result = await in_thread(function)
            except Exception as error:
                (on_error or self.show_error)(error)
                return
            if on_done is not None:
                on_done(result)

        # Called by the worker itself: one that is replaced before it begins leaves nothing unawaited.
        self.run_worker(
            work,  # type: ignore[arg-type]  # mypy cannot choose among Textual's kinds of work
            group=group,
            exclusive=exclusive,
            exit_on_error=False,
        )

    async def tried(self, function: Callable[[], Result]) -> Result | None:
        """What some work beside the event loop returns; None where it failed, which is shown."""
        try:
            return await in_thread(function)
        except HeimdallError as error:
            self.show_error(error)
            return None

    def start(self, flow: Coroutine[Any, Any, None], group: str = "flow") -> None:
        """Go through questions and answers, such as an action that asks before it acts."""
        self.run_worker(flow, group=group, exit_on_error=False)

    def tell(self, text: str, severity: str = "information", timeout: float | None = None) -> None:
        """Say something in a corner for a while; severity as Textual has it."""
        self.app.notify(
            plain(text, keep_lines=True),
            severity=severity,  # type: ignore[arg-type]  # a literal of Textual's
            timeout=timeout,
            markup=False,
        )

    def show_error(self, error: BaseException) -> None:
        """Show an error in four sentences, with its traceback one key away."""
        self.console_app.show_error(error)

    async def ask_yes_no(self, title: str, body: str, yes: str = "Yes") -> bool:
        """Ask before something is done; call it from a flow that `start` runs."""
        from heimdall_console.screens.dialogs.yes_no import YesNo

        answer = await self.app.push_screen_wait(
            YesNo(plain(title), plain(body, keep_lines=True), yes)
        )
        return bool(answer)

    async def ask_text(
        self, title: str, body: str = "", initial: str = "", check: "Check | None" = None
    ) -> str | None:
        """Ask for a line of text; None where it was left."""
        from heimdall_console.screens.dialogs.text_question import TextQuestion, anything

        question = TextQuestion(
            plain(title), plain(body, keep_lines=True), initial, check or anything
        )
        return await self.app.push_screen_wait(question)

    # The frame.

    def compose(self) -> ComposeResult:
        """Top bar, body, footer."""
        yield TopBar(self.NAME, self.console_app.host)
        yield from self.compose_body()
        if self.console_app.guide is not None:
            from heimdall_console.widgets.tour_hint import TourHint

            yield TourHint(self.console_app.guide)
        yield KeyHints()

    def on_mount(self) -> None:
        """Show what is known already; Textual calls this beside the `on_mount` of a subclass."""
        app = self.console_app
        self.set_class(app.ascii_only, "-ascii")
        bar = self.query_one(TopBar)
        if app.readonly:
            bar.show_marks(("read only",))
        self.call_after_refresh(self._show_known)

    def _show_known(self) -> None:
        app = self.console_app
        self._arrange_hints()
        if app.runs is not None:
            self.take_runs(app.runs)
        if app.jobs is not None:
            self.jobs_changed(app.jobs)

    def take_runs(self, runs: Sequence["RunSummary"]) -> None:
        """Show the runs in the top bar, then wherever the screen wants them."""
        self.query_one(TopBar).show_runs(runs)
        self.runs_changed(runs)

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """The screen is seen; its styles are as they were, a new theme reaches it before this."""
        event.refresh_styles = False
        self.call_after_refresh(self.on_shown)
        self.call_after_refresh(self.follow_guide)

    def follow_guide(self) -> None:
        """Show what the tour says here; nothing outside of one."""
        if self.console_app.guide is not None:
            from heimdall_console.widgets.tour_hint import TourHint

            self.query_one(TourHint).follow(self.NAME)

    def refresh_hints(self) -> None:
        """The actions that are possible have changed."""
        self.refresh_bindings()
        self._arrange_hints()

    def _arrange_hints(self) -> None:
        own = self.hinted_actions()
        always = [
            action
            for action in self.console_app.with_keys("app", everywhere.ACTIONS)
            if action.in_footer
        ]
        if isinstance(self.focused, Input | TextArea):
            own, always = [_LEAVE, *while_typing(own)], while_typing(always)
        self.query_one(KeyHints).show_actions(own, always)

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def _hint_at_what_works(self) -> None:
        if self.query(KeyHints):  # a screen that is being left blurs, too
            self._arrange_hints()

    def hinted_actions(self) -> list[Action]:
        """What the footer shows of what can be done here now."""
        return [action for action in self.possible_actions() if action.in_footer]

    def possible_actions(self) -> list[Action]:
        """What can be done here now, with the keys that the person has given."""
        actions = self.console_app.with_keys(self.NAME, self.ACTIONS)
        return [action for action in actions if self.check_action(action.name, ())]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Refuse what writes where the console only reads, and everything before it is there."""
        own = next((own for own in self.ACTIONS if own.name == action), None)
        if own is None:
            return True
        return self.is_mounted and not (own.writes and self.console_app.readonly)

    def on_key(self, event: events.Key) -> None:
        """Say why a key does nothing that would change something where the console only reads."""
        app = self.console_app
        if not app.readonly:
            return
        writing = [a for a in app.with_keys(self.NAME, self.ACTIONS) if a.writes]
        if isinstance(self.focused, Input | TextArea):
            writing = while_typing(writing)
        for action in writing:
            if event.key in (key.strip() for key in action.keys.split(",")):
                self.tell(f"This console only reads: {action.title.rstrip('…')} is not possible")

    @on(LinkLine.Clicked)
    async def _obey_click(self, event: LinkLine.Clicked) -> None:
        namespace = self if hasattr(self, f"action_{event.action}") else self.app
        await self.app.run_action(event.action, default_namespace=namespace)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show what failed in the background: Textual would let it die unseen."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.show_error(event.worker.error)

    def step_back(self) -> None:
        """Leave a text field, close what is open, or go to the screen before."""
        if isinstance(self.focused, Input | TextArea):
            self.leave_text_field()
        elif not self.go_back():
            self.console_app.go_back()

    def leave_text_field(self) -> None:
        """Give the focus to what the screen is about."""
        self.set_focus(None)
        self.screen.focus_next()

    def explain_focus(self) -> None:
        """Explain what has the focus."""
        from heimdall_console.screens.dialogs.help_page import HelpPage

        focused = self.focused
        about = str(getattr(focused, "HELP", "") or getattr(focused, "about", "")) or self.ABOUT
        keys = widget_keys(focused) if focused is not None else []
        always = self.console_app.with_keys("app", everywhere.ACTIONS)
        title = everywhere.MODES[self.NAME]
        self.app.push_screen(HelpPage(title, about, keys, self.possible_actions(), always))
