"""Which lines a configuration form shows: sections that fold, fields that are searched for."""

from collections.abc import Iterator
from dataclasses import dataclass

from heimdall_console.config_document import ConfigDocument
from heimdall_console.config_fields import ConfigField, ConfigSection, config_sections


@dataclass(frozen=True)
class FormLine:
    """One line of the form."""

    section: ConfigSection
    field: ConfigField | None = None
    """None for the title of the section."""
    is_open: bool = True
    """Of a title: whether its fields are shown."""
    changed: int = 0
    """Of a title: how many of its fields differ from where the document began."""
    wrong: int = 0
    """Of a title: how many of its fields have a problem."""

    @property
    def key(self) -> str:
        """Dotted; a section's own name for its title."""
        return self.field.key if self.field is not None else self.section.title


def form_lines(
    document: ConfigDocument,
    folded: frozenset[str],
    words: str = "",
    *,
    only_changed: bool = False,
) -> list[FormLine]:
    """The lines, in the order of the file.

    Args:
        document: What is configured.
        folded: Sections whose fields are hidden; a search looks into them all the same.
        words: Only fields whose key or help contains every one of these words.
        only_changed: Only fields that differ from where the document began, or are wrong.
    """
    changed = {change.key for change in document.changes}
    wrong = {key for key in document.flat if document.problem_of(key)}
    wanted = words.lower().split()
    return list(_lines(document, folded, wanted, changed, wrong, only_changed))


def _lines(
    document: ConfigDocument,
    folded: frozenset[str],
    wanted: list[str],
    changed: set[str],
    wrong: set[str],
    only_changed: bool,
) -> Iterator[FormLine]:
    for section in config_sections():
        fields = [
            field
            for field in section.fields
            if (not only_changed or field.key in changed | wrong) and _fits(field, wanted)
        ]
        if not fields:
            continue
        is_open = bool(wanted) or only_changed or section.title not in folded
        keys = {field.key for field in section.fields}
        yield FormLine(
            section, is_open=is_open, changed=len(keys & changed), wrong=len(keys & wrong)
        )
        if is_open:
            yield from (FormLine(section, field) for field in fields)


def _fits(field: ConfigField, wanted: list[str]) -> bool:
    told = f"{field.key} {field.help}".lower()
    return all(word in told for word in wanted)
