"""Train, val and test: whole blocks of sessions, so that no test position is next to a known one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from training_core.contract.datasets import BUILT_IN_SPLITS
from training_core.contract.errors import DatasetError
from training_core.data.blocks import Blocks, IndexArray, blocks_of
from training_core.data.info import SplitDefinition
from training_core.data.store import SessionStore
from training_core.data.tables import float_column
from training_core.radio.geo import is_position


@dataclass(frozen=True)
class Split:
    """Indices into the sessions, sorted, pairwise disjoint."""

    train: IndexArray
    val: IndexArray
    test: IndexArray
    name: str
    leaking: bool
    """Test sessions may lie beside training sessions: the result says little."""
    note: str
    """What was divided and how, for people."""

    def part(self, name: str) -> IndexArray:
        """The indices of `train`, `val` or `test`.

        Raises:
            DatasetError: There is no such part.
        """
        parts = {"train": self.train, "val": self.val, "test": self.test}
        if name not in parts:
            raise DatasetError(
                f"A split has no part {name}",
                unharmed="Nothing was changed",
                action="Ask for train, val or test",
            )
        return parts[name]


def make_split(
    store: SessionStore, name: str, *, validation_split: float, test_split: float, seed: int
) -> Split:
    """Divide the labeled sessions.

    The test depends on the seed and `test_split` only, so that another share of
    validation does not move it.

    Args:
        store: The dataset.
        name: One of the dataset's own splits, or `place`, `track`, `date`, `random`.
        validation_split: Share of the sessions outside the test that validate.
        test_split: Share kept for the test, where the split does not list them.
        seed: Decides which blocks go where.

    Raises:
        DatasetError: There is no such split, nothing is labeled, a list names unknown
            sessions, or the blocks are too few to give every part some.
    """
    definition = _definition(store, name)
    labeled = labeled_rows(store)
    if len(labeled) == 0:
        raise DatasetError(
            f"The dataset {store.info.name} has no labeled sessions",
            why="No session has a latitude and longitude",
            unharmed="Nothing was changed",
            action="Import it with a mapping that names the emitter's position",
        )
    if definition.by == "list":
        return _listed(store, name, definition, labeled, validation_split, seed)
    if definition.by == "random":
        blocks = Blocks(np.arange(len(labeled)), len(labeled), "single sessions")
    else:
        blocks = blocks_of(store, labeled, definition.by, definition.cell_m)
    in_test = _carve(blocks.block, test_split, seed, "test", blocks.unit)
    rest = ~in_test
    in_val = np.zeros(len(labeled), dtype=np.bool_)
    in_val[rest] = _carve(blocks.block[rest], validation_split, seed, "val", blocks.unit)
    leaking = definition.by == "random"
    note = f"{blocks.count} {blocks.unit}"
    if leaking:
        note += "; leaks: neighbors of test sessions are trained on"
    return Split(labeled[rest & ~in_val], labeled[in_val], labeled[in_test], name, leaking, note)


def labeled_rows(store: SessionStore) -> IndexArray:
    """Indices of the sessions whose emitter position is known."""
    return np.flatnonzero(
        is_position(
            float_column(store.sessions, "latitude_deg"),
            float_column(store.sessions, "longitude_deg"),
        )
    )


def split_names(store: SessionStore) -> list[str]:
    """Every split that can be asked for by name."""
    return [
        *store.info.splits,
        *(name for name in BUILT_IN_SPLITS if name not in store.info.splits),
    ]


def _definition(store: SessionStore, name: str) -> SplitDefinition:
    own = store.info.splits.get(name)
    if own is not None:
        return own
    if name in BUILT_IN_SPLITS:
        return SplitDefinition.model_validate({"by": name})
    raise DatasetError(
        f"The dataset {store.info.name} has no split {name}",
        why=f"Its splits are: {', '.join(split_names(store))}",
        unharmed="Nothing was changed",
        action="Set data.split to one of them, or define another in dataset.toml",
    )


def _listed(
    store: SessionStore,
    name: str,
    definition: SplitDefinition,
    labeled: IndexArray,
    validation_split: float,
    seed: int,
) -> Split:
    test, val, train = (
        _rows_of_list(store, name, part, ids, file, labeled)
        for part, ids, file in (
            ("test", definition.test, definition.test_file),
            ("val", definition.val, definition.val_file),
            ("train", definition.train, definition.train_file),
        )
    )
    _refuse_overlap(store, name, {"test": test, "val": val, "train": train})
    rest = train if len(train) else np.setdiff1d(labeled, np.union1d(test, val))
    note = f"listed sessions: {len(test)} test"
    if len(val):
        note += f", {len(val)} val"
    elif validation_split > 0:
        blocks = blocks_of(store, rest, definition.validation_by, definition.cell_m)
        in_val = _carve(blocks.block, validation_split, seed, "val", blocks.unit)
        rest, val = rest[~in_val], rest[in_val]
        note += f"; validation from {blocks.count} {blocks.unit}"
    return Split(rest, val, test, name, leaking=False, note=note)


def _rows_of_list(
    store: SessionStore,
    name: str,
    part: str,
    ids: tuple[str, ...],
    file: str | None,
    labeled: IndexArray,
) -> IndexArray:
    wanted = set(ids)
    if file is not None:
        wanted |= set(_read_list(store.path, file))
    if not wanted:
        return np.empty(0, dtype=np.int64)
    row_of = {session: row for row, session in enumerate(store.session_ids)}
    unknown = sorted(wanted - row_of.keys())
    if unknown:
        raise DatasetError(
            f"The split {name} lists sessions for {part} that the dataset does not have",
            why=f"{len(unknown)} of {len(wanted)}, the first is {unknown[0]!r}",
            unharmed="Nothing was changed",
            action="Correct the list or import the dataset again",
        )
    rows = np.array(sorted(row_of[session] for session in wanted), dtype=np.int64)
    return np.intersect1d(rows, labeled)


def _read_list(path: Path, file: str) -> list[str]:
    try:
        ids = orjson.loads((path / file).read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise DatasetError(
            f"The list of sessions {path / file} cannot be read",
            why=str(error),
            unharmed="Nothing was changed",
            action="Restore the file or import the dataset again",
        ) from error
    if not isinstance(ids, list) or not all(isinstance(session, str) for session in ids):
        raise DatasetError(
            f"{path / file} is not a list of session ids",
            unharmed="Nothing was changed",
            action='Write it as JSON: ["id", "id", …]',
        )
    return ids


def _refuse_overlap(store: SessionStore, name: str, parts: dict[str, IndexArray]) -> None:
    for one, other in (("test", "val"), ("test", "train"), ("val", "train")):
        common = np.intersect1d(parts[one], parts[other])
        if len(common):
            raise DatasetError(
                f"The split {name} lists {len(common)} sessions for both {one} and {other}",
                why=f"The first is {store.session_ids[common[0]]!r}",
                unharmed="Nothing was changed",
                action="List every session once",
            )


def _carve(
    block: IndexArray, share: float, seed: int, part: str, unit: str
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Choose whole blocks at random whose rows come closest to `share` of all rows.

    The number of rows differs from what was asked by at most the largest block.
    """
    chosen = np.zeros(len(block), dtype=np.bool_)
    if share <= 0:
        return chosen
    names, block, size = np.unique(block, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise DatasetError(
            f"No sessions are left for {part}",
            why=f"{len(block)} sessions lie in {len(names)} {unit}, and a block is never divided",
            unharmed="Nothing was changed",
            action="Split by place with a smaller cell_m, by track or by date, "
            "or list the sessions of each part",
        )
    # Each part draws from a stream of its own: the test stays where it is.
    order = np.random.default_rng([seed, len(part), ord(part[0])]).permutation(len(names))
    target = share * len(block)
    total = 0
    taken = []
    for number in order:
        after = total + int(size[number])
        if after - target <= target - total and after < len(block):
            taken.append(number)
            total = after
    if not taken:
        taken = [int(order[np.argmin(size[order])])]
    chosen[np.isin(block, taken)] = True
    return chosen
