"""Foreign text made harmless for a page."""

import unicodedata
from html import escape


def safe(value: object) -> str:
    """Text of anything for HTML: markup is escaped; what steers or reorders text is spelled out."""
    return escape(
        "".join(
            f"\\u{ord(character):04x}"
            if unicodedata.category(character) in ("Cc", "Cf", "Cs")
            else character
            for character in str(value)
        )
    )
