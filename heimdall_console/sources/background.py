"""A thread that looks at something again and again, and posts what it saw."""

import threading
from typing import ClassVar

from textual.message import Message
from textual.message_pump import MessagePump

from heimdall_console.messages import SourceFailed


class Source:
    """Base of everything that reads beside the event loop.

    The thread is a daemon: a file system that hangs must not keep the console from leaving.

    Args:
        poster: Who the messages are posted to.
    """

    NAME: ClassVar[str] = "source"
    interval_s: float = 1.0
    """From the end of one look to the next."""

    def __init__(self, poster: MessagePump) -> None:
        self.poster = poster
        self._wanted = threading.Event()
        self._is_stopped = threading.Event()
        self._failure = ""
        self._thread = threading.Thread(target=self._work, name=self.NAME, daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def wake(self) -> None:
        """Look again now."""
        self._wanted.set()

    def stop(self) -> None:
        """Do not look again; a look that is under way goes on and posts nothing any more."""
        self._is_stopped.set()
        self._wanted.set()

    @property
    def is_stopped(self) -> bool:
        """Whether nobody wants to know any more."""
        return self._is_stopped.is_set()

    def look(self) -> None:
        """Read, and `post` what is new; runs in the thread."""
        raise NotImplementedError

    def post(self, message: Message) -> None:
        """Hand a message to the event loop, unless nobody waits for it any more."""
        if not self.is_stopped:
            self.poster.post_message(message)

    def _work(self) -> None:
        while not self.is_stopped:
            self._wanted.clear()
            try:
                self.look()
                self._failure = ""
            except Exception as error:
                # Said once: a server that is down is down at every look.
                said = f"{type(error).__name__}: {error}"
                if said != self._failure:
                    self._failure = said
                    self.post(SourceFailed(self.NAME, error))
            self._wanted.wait(self.interval_s)
