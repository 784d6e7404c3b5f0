"""What a short name in a query means: `lr` is `optimizer.learning_rate`."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from heimdall_console.query_text import QueryError

if TYPE_CHECKING:
    from heimdall_console.run_rows import RunRow

BUILTINS: Final[dict[str, str]] = {
    **{
        name: name
        for name in (
            *("name", "id", "experiment", "state", "user", "host", "reason", "monitor", "source"),
            *("best", "step", "epoch", "epochs", "age", "took", "created"),
            *("tag", "param", "metric", "archived"),
        )
    },
    "status": "state",
    "exp": "experiment",
    "tags": "tag",
    "params": "param",
    "metrics": "metric",
    "duration": "took",
    "error": "reason",
}
"""Names that every row has → the one they stand for."""

_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "lr": ("learning_rate", "lr"),
    "model": ("model.name", "model", "model_name"),
    "batch": ("batch_size",),
    "wd": ("weight_decay",),
    "dataset": ("data.dataset", "dataset"),
    "optimizer": ("optimizer.name", "optimizer"),
    "seed": ("seed",),
}
_BOUNDARY: Final = re.compile(r"[./_]")
_MOST_NAMED: Final = 4


class Names:
    """The parameters, metrics and tags of some rows.

    Args:
        rows: The rows.
    """

    def __init__(self, rows: Iterable["RunRow"] = ()) -> None:
        self.params: set[str] = set()
        self.metrics: set[str] = set()
        self.tags: set[str] = set()
        self._found: dict[str, list[tuple[str, str]]] = {}
        self.add(rows)

    def add(self, rows: Iterable["RunRow"]) -> None:
        """Learn the names of further rows."""
        sizes = len(self.params), len(self.metrics), len(self.tags)
        for row in rows:
            self.params.update(row.params)
            self.metrics.update(row.metrics, row.at_best)
            self.tags.update(row.tags)
        if sizes != (len(self.params), len(self.metrics), len(self.tags)):
            self._found.clear()

    def builtin(self, field: str) -> str:
        """The name that every row has; empty where the field is none."""
        return BUILTINS.get(field.lower(), "")

    def metric(self, name: str, position: int) -> str:
        """The metric that a name means.

        Raises:
            QueryError: None or several are meant.
        """
        found = _matching(name, self.metrics)
        if not found:
            raise QueryError(self._unknown(name, self.metrics), position)
        if len(found) > 1:
            raise QueryError(_several(name, found), position)
        return found[0]

    def resolve(self, field: str, position: int) -> list[tuple[str, str]]:
        """What a field means, the first choice first: pairs of param, metric or tag and its name.

        Programs name the same thing differently: `lr` means `optimizer.learning_rate` in one
        row and `lr` in another. What has two meanings within one program is refused.

        Raises:
            QueryError: Nothing is called so, or too much.
        """
        known = self._found.get(field)
        if known is None:
            known = self._found[field] = self._look_up(field)
        if not known:
            every = self.params | self.metrics | self.tags | BUILTINS.keys()
            raise QueryError(self._unknown(field, every), position)
        ends = {name for _, name in known}
        if len(ends) > _MOST_NAMED:
            raise QueryError(_several(field, sorted(ends)), position)
        return known

    def _look_up(self, field: str) -> list[tuple[str, str]]:
        kinds = (("param", self.params), ("metric", self.metrics), ("tag", self.tags))
        found: list[tuple[str, str]] = []
        wanted = _ALIASES.get(field.lower(), (field,))
        for kind, names in kinds:
            for want in wanted:
                found += [(kind, name) for name in _matching(want, names)]
        return list(dict.fromkeys(found))

    @staticmethod
    def _unknown(name: str, names: Iterable[str]) -> str:
        # Loaded for the rare error only.
        from difflib import get_close_matches

        close = get_close_matches(name, list(names)[:5000], 1, 0.7)
        hint = f"; did you mean {close[0][:60]}?" if close else ""
        return f"no run has {name[:60]}{hint}"


def _matching(name: str, names: Iterable[str]) -> list[str]:
    """The name itself; else those that end with it at a dot, slash or underscore; else parts."""
    if name in names:
        return [name]
    low = name.lower()
    exact = [known for known in names if known.lower() == low]
    if exact:
        return sorted(exact)
    ends = [
        known
        for known in names
        if known.lower().endswith(low) and _BOUNDARY.match(known[-len(low) - 1])
    ]
    whole = [known for known in ends if known[-len(low) - 1] != "_"]
    return sorted(whole or ends)


def _several(name: str, found: list[str]) -> str:
    shown = ", ".join(known[:40] for known in found[:_MOST_NAMED])
    return f"{name[:40]} may mean {shown}{' …' if len(found) > _MOST_NAMED else ''}: write more"
