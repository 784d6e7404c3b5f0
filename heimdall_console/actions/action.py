"""What an action is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Action:
    """Something that a person can do, by key, by the palette, or by a command line."""

    name: str
    """Of the method `action_<name>`; the command line's word where it has one."""
    title: str
    """In the footer and in the palette: one to three words."""
    keys: str
    """Textual's names of the keys, separated by commas."""
    help: str
    """One sentence for the help and the palette."""
    command: str = ""
    """Equivalent command without the program's name; empty for what changes the view only."""
    in_footer: bool = False
    """Whether the footer shows it."""
    writes: bool = False
    """Whether it changes a run, a file or a server: refused where the console only reads."""
    priority: bool = False
    """Whether its keys count inside text fields, too."""


_KEY_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "space": "space",
    "escape": "esc",
    "full_stop": ".",
    "comma": ",",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left": "left",
    "right": "right",
    "colon": ":",
    "asterisk": "*",
    "number_sign": "#",
    "exclamation_mark": "!",
    "circumflex_accent": "^",
    "dollar_sign": "$",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "underscore": "_",
    "vertical_line": "|",
    "apostrophe": "'",
    "quotation_mark": '"',
}


def key_text(key: str) -> str:
    """A key as it stands on a keyboard: `question_mark` is `?`."""
    return _KEY_NAMES.get(key, key)


def keys_text(keys: str) -> str:
    """All keys of an action, as people read them."""
    return " ".join(key_text(key.strip()) for key in keys.split(","))
