"""A question before something is lost."""

import sys

from training_core.contract.errors import UsageError


def confirm(question: str, *, yes: bool) -> bool:
    """Ask a person; anything but y or yes is no.

    Args:
        question: One line that says what would be lost.
        yes: Whether it was answered on the command line.

    Raises:
        UsageError: Nobody is there to answer.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            question.rstrip("?"),
            why="It cannot be undone, and there is no terminal to ask at",
            unharmed="Nothing was changed",
            action="Add --yes",
        )
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        answer = "\n"
        sys.stderr.write(answer)
    agreed = answer.strip().lower() in ("y", "yes")
    if not agreed:
        sys.stderr.write("Nothing was changed.\n")
    return agreed
