"""Copying over SSH: the terminal itself is asked to (OSC 52)."""

import base64
from collections.abc import Mapping


def clipboard_sequences(text: str, environment: Mapping[str, str]) -> list[str]:
    """Control sequences that put a text on the clipboard of the person's own machine.

    Inside tmux the request is sent twice: tmux obeys the plain one where `set-clipboard` is on,
    and hands the wrapped one to its terminal where `allow-passthrough` is.
    """
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode()
    plain = f"\x1b]52;c;{encoded}\x07"
    if "TMUX" not in environment:
        return [plain]
    return [plain, "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\"]
