"""Posting JSON to an address that is a secret: it is in no message and no log."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, Final

from typing_extensions import override

_TIMEOUT_S: Final = 10.0
_PAUSES_S: Final = (1.0, 5.0, 25.0)
_TOO_MANY: Final = 429


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    @override
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Follow nowhere: a post that is redirected would arrive as an empty question."""


def post(address: str, content: bytes, pauses_s: Sequence[float] = _PAUSES_S) -> str:
    """Post JSON; try again where the other side is down or busy.

    Args:
        address: http:// or https://; whatever it holds, it is not in the answer.
        content: The JSON.
        pauses_s: How long to wait after each failed attempt but the last.

    Returns:
        What came of it, in words.
    """
    told = ""
    for attempt in range(len(pauses_s) + 1):
        told, is_final = _attempt(address, content)
        if is_final or attempt == len(pauses_s):
            break
        time.sleep(pauses_s[attempt])
    return told


def _attempt(address: str, content: bytes) -> tuple[str, bool]:
    headers = {"Content-Type": "application/json", "User-Agent": "heimdall-console"}
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        request = urllib.request.Request(address, content, headers, method="POST")
        with opener.open(request, timeout=_TIMEOUT_S) as answer:
            return f"answered {answer.status}", True
    except urllib.error.HTTPError as error:
        error.close()
        return f"answered {error.code}", error.code < 500 and error.code != _TOO_MANY
    except ValueError as error:
        return f"cannot be used as an address ({type(error).__name__})", True
    except urllib.error.URLError as error:
        return f"no answer ({type(error.reason).__name__})", False
    except (OSError, http.client.HTTPException) as error:
        return f"no answer ({type(error).__name__})", False
