"""One piece of work beside the event loop, waited for without holding it."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


async def in_thread(function: Callable[[], Result]) -> Result:
    """What a function returns or raises, computed in a daemon thread.

    The event loop's own executor is joined when the program leaves: one call to a server that
    hangs would keep a terminal occupied. A daemon thread is left behind.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]  # None only beside an error

    def work() -> None:
        result, raised = None, None
        try:
            result = function()
        except BaseException as error:
            raised = error
        try:
            loop.call_soon_threadsafe(settle, result, raised)
        except RuntimeError:
            return  # The program has left meanwhile.

    threading.Thread(target=work, name=getattr(function, "__name__", "work"), daemon=True).start()
    return await outcome
