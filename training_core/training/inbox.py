"""The commands that viewers sent to a run, and the records that answer them."""

from typing import Any, Final, Literal

from training_core.contract.commands import Asked, Command, StopCommand, waiting_commands
from training_core.contract.run_dir import RunDir
from training_core.contract.run_log import RunLogWriter
from training_core.training.control import StopControl

_NO_EPOCH: Final = (
    "The training is over; it is being evaluated and exported: stop now would leave out what is "
    "not done yet"
)
Outcome = Literal["accepted", "done", "refused"]


class CommandInbox:
    """Takes files out of `commands/` and answers each of them in the log.

    A file is removed only after its first answer: a worker killed in between leaves it for
    `refuse_all` of the next one, so that nothing that was asked stays without an answer.

    Args:
        run: The run.
        log: Its log.
    """

    def __init__(self, run: RunDir, log: RunLogWriter) -> None:
        self._run = run
        self._log = log
        self._unanswered: dict[str, Asked] = {}
        self._stuck: set[str] = set()

    @property
    def run_id(self) -> str:
        """The run, as a command line names it."""
        return self._run.id

    def take(self) -> list[tuple[str, Command]]:
        """New commands with their ids, in the order they were sent; garbage is refused here."""
        taken = []
        for asked in waiting_commands(self._run):
            if asked.id in self._unanswered or asked.path.name in self._stuck:
                continue
            self._unanswered[asked.id] = asked
            if asked.command is None:
                self.answer(asked.id, None, "refused", asked.problem)
            else:
                taken.append((asked.id, asked.command))
        return taken

    def answer(
        self, command_id: str, command: Command | None, outcome: Outcome, reason: str = ""
    ) -> None:
        """Write an answer; the first one also removes the file."""
        fields: dict[str, Any] = {"id": command_id, "outcome": outcome, "reason": reason}
        if command is not None:
            fields |= {"name": command.name, "arguments": command.arguments()}
        self._log.append("command", **fields)
        asked = self._unanswered.pop(command_id, None)
        if asked is not None and not asked.discard():
            # A folder, or a file of somebody else: it is answered once and then left alone.
            self._stuck.add(asked.path.name)

    def obey_stop_only(self, control: StopControl) -> None:
        """After the training: ask for the end where it is wanted now, refuse the rest."""
        for command_id, command in self.take():
            if isinstance(command, StopCommand) and command.when == "now":
                control.request_stop()
                self.answer(command_id, command, "done")
            elif isinstance(command, StopCommand):
                self.answer(command_id, command, "refused", _NO_EPOCH)
            else:
                self.answer(command_id, command, "refused", "The training has ended")

    def refuse_all(self, reason: str) -> None:
        """Refuse everything that waits."""
        for command_id, command in self.take():
            self.answer(command_id, command, "refused", reason)
