"""What a checkpoint holds, from its zip directory and its pickle's opcodes: nothing is loaded."""

import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from heimdall_console.pickle_scan import Call, Name, Outside, PickleScanError, scan_pickle
from training_core.contract.errors import CheckpointError
from training_core.contract.files import open_regular

_ORIGIN: Final = "heimdall"
_LARGEST_PICKLE_BYTES: Final = 48 * 1024 * 1024
_MOST_NODES: Final = 200_000
_DEEPEST: Final = 24
_LONGEST_TEXT: Final = 2000
_ITEM_BYTES: Final = {
    "float64": 8,
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "complex64": 8,
    "complex128": 16,
}
_STORAGES: Final = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}
_PLAIN_NAMES: Final = frozenset(
    {
        Name("collections", "OrderedDict"),
        Name("collections", "defaultdict"),
        Name("collections", "Counter"),
        Name("_codecs", "encode"),
        Name("builtins", "set"),
        Name("builtins", "frozenset"),
        Name("builtins", "bytearray"),
        Name("__builtin__", "set"),
        Name("__builtin__", "bytearray"),
    }
)


@dataclass(frozen=True)
class Tensor:
    """One tensor of the weights."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def values(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Of those numbers."""
        return self.values * _ITEM_BYTES.get(self.dtype, 0)


@dataclass(frozen=True)
class CheckpointDetails:
    """What a checkpoint holds."""

    tensors: tuple[Tensor, ...]
    """The weights, in their order."""
    other_tensors: int
    """Everything else that is a tensor: state of the optimizer, random numbers."""
    keys: tuple[str, ...]
    """What lies at its top."""
    says: dict[str, Any]
    """What it says of itself, plain values only; empty where another program saved it."""
    lightning_version: str
    epoch: int | None
    step: int | None
    foreign_names: tuple[str, ...]
    """Classes and functions that loading would have to run; loading is refused then."""
    entries: int
    """Entries of the archive."""
    size_bytes: int

    @property
    def weights(self) -> int:
        """Numbers in all weights."""
        return sum(tensor.values for tensor in self.tensors)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "weights": self.weights,
            "tensors": [
                {"name": t.name, "shape": list(t.shape), "dtype": t.dtype, "bytes": t.size_bytes}
                for t in self.tensors
            ],
            "other_tensors": self.other_tensors,
            "keys": list(self.keys),
            "heimdall": self.says,
            "lightning_version": self.lightning_version,
            "epoch": self.epoch,
            "step": self.step,
            "foreign_names": list(self.foreign_names),
            "size_bytes": self.size_bytes,
        }


def read_details(path: Path) -> CheckpointDetails:
    """Look into a checkpoint.

    Raises:
        CheckpointError: It is missing, damaged, or no archive of PyTorch.
    """
    try:
        with os.fdopen(open_regular(path), "rb") as file, zipfile.ZipFile(file) as archive:
            content = _pickle_of(archive)
            entries = len(archive.infolist())
            size_bytes = os.fstat(file.fileno()).st_size
        scanned = scan_pickle(content)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except PickleScanError as error:
        raise _unreadable(path, f"Of what it holds, {error}") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise _unreadable(
            path, "It is no archive of PyTorch, or a part of it is missing"
        ) from error
    top = _mapping(scanned.value)
    weights = _mapping(top.get("state_dict")) or (top if not top.get("state_dict") else {})
    tensors = tuple(
        tensor
        for name, value in weights.items()
        if (tensor := _tensor(str(name)[:_LONGEST_TEXT], value)) is not None
    )
    return CheckpointDetails(
        tensors=tensors,
        other_tensors=max(0, _count_tensors(scanned.value) - len(tensors)),
        keys=tuple(str(key)[:200] for key in top)[:200],
        says=_plain_mapping(top.get(_ORIGIN)),
        lightning_version=str(top.get("pytorch-lightning_version") or "")[:50],
        epoch=_whole(top.get("epoch")),
        step=_whole(top.get("global_step")),
        foreign_names=tuple(sorted(str(n) for n in scanned.names if not _is_known(n)))[:20],
        entries=entries,
        size_bytes=size_bytes,
    )


def _pickle_of(archive: zipfile.ZipFile) -> bytes:
    found = [name for name in archive.namelist() if name.rpartition("/")[2] == "data.pkl"]
    if not found:
        raise ValueError("no data.pkl")
    with archive.open(found[0]) as file:
        content = file.read(_LARGEST_PICKLE_BYTES + 1)
    if len(content) > _LARGEST_PICKLE_BYTES:
        raise PickleScanError("the index is too large to be looked at")
    return content


def _is_known(name: Name) -> bool:
    """Whether weights-only loading knows a name: it makes tensors and plain containers."""
    if name in _PLAIN_NAMES:
        return True
    if name.module == "torch":
        is_type = name.name in _ITEM_BYTES or name.name in ("Size", "device", "dtype", "Tensor")
        return is_type or name.name.endswith("Storage")
    if name.module == "torch.storage":
        return name.name.endswith("Storage")
    if name.module == "torch._utils":
        return name.name.startswith("_rebuild_")
    return name == Name("torch.nn.parameter", "Parameter")


def _mapping(value: Any) -> Mapping[Any, Any]:
    if isinstance(value, dict):
        return value
    return value.items if isinstance(value, Call) else {}


def _tensor(name: str, value: Any) -> Tensor | None:
    """The tensor that a call would rebuild; None for anything else."""
    if not isinstance(value, Call) or not isinstance(value.function, Name):
        return None
    arguments = value.arguments if isinstance(value.arguments, tuple) else ()
    function = value.function.name
    if function == "_rebuild_parameter" and arguments:
        return _tensor(name, arguments[0])
    if function not in ("_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_tensor"):
        return None
    if len(arguments) < 3 or not isinstance(arguments[0], Outside):
        return None
    shape = arguments[2]
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        return None
    dtype = _storage_type(arguments[0])
    if function == "_rebuild_tensor_v3" and len(arguments) > 6:
        given = arguments[6]
        dtype = given.name if isinstance(given, Name) else dtype
    return Tensor(name, shape, dtype)


def _storage_type(storage: Outside) -> str:
    reference = storage.reference
    kind = reference[1] if isinstance(reference, tuple) and len(reference) > 1 else None
    return _STORAGES.get(kind.name, kind.name[:40]) if isinstance(kind, Name) else "?"


def _count_tensors(value: Any) -> int:
    return sum(isinstance(node, Call) and _tensor("", node) is not None for node in _walk(value))


def _walk(value: Any) -> Iterator[Any]:
    """Every object once, however often it is referred to; a bounded number of them."""
    seen: set[int] = set()
    waiting = [value]
    while waiting and len(seen) < _MOST_NODES:
        node = waiting.pop()
        if id(node) in seen:
            continue
        if isinstance(node, dict):
            seen.add(id(node))
            waiting.extend(node.values())
        elif isinstance(node, list | tuple):
            seen.add(id(node))
            waiting.extend(node)
        elif isinstance(node, Call):
            seen.add(id(node))
            yield node
            if _tensor("", node) is None:
                waiting += [node.arguments, node.items, node.state]


def _plain_mapping(value: Any) -> dict[str, Any]:
    budget = [2000]
    found = _plain_value(value, 0, budget)
    return found if isinstance(found, dict) else {}


def _plain_value(value: Any, depth: int, budget: list[int]) -> Any:
    """Plain data of bounded size; anything else by its name."""
    budget[0] -= 1
    if depth > _DEEPEST or budget[0] < 0:
        return "…"
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)[:100]
    if isinstance(value, str):
        return value[:_LONGEST_TEXT]
    if isinstance(value, dict):
        return {str(k)[:200]: _plain_value(v, depth + 1, budget) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(item, depth + 1, budget) for item in value[:500]]
    if isinstance(value, Call) and value.items:
        return _plain_value(value.items, depth, budget)
    return f"({type(value).__name__.lower()})"


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _unreadable(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"The checkpoint {path.name} cannot be looked into",
        why=why,
        unharmed="None of it was run, and nothing was changed",
        action="Use an earlier checkpoint of the same run",
    )
