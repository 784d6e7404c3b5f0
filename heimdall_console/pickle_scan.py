"""What a pickle would build, read from its opcodes: nothing is imported, called or unpickled."""

import pickletools
from dataclasses import dataclass, field
from typing import Any, Final

_MOST_OPCODES: Final = 1_500_000
_MARK: Final = object()


class PickleScanError(ValueError):
    """The bytes are no pickle, or one that is too large to look at."""


@dataclass(frozen=True)
class Name:
    """A class or function that the pickle names."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass
class Call:
    """What calling something would give; nobody calls it."""

    function: Any
    arguments: Any
    items: dict[Any, Any] = field(default_factory=dict)
    """What would be put into it by key."""
    state: Any = None


@dataclass(frozen=True)
class Outside:
    """Something that lies beside the pickle, such as the storage of a tensor."""

    reference: Any


@dataclass
class Scanned:
    """A pickle's outermost object, and every class and function that it names."""

    value: Any
    names: frozenset[Name]


def scan_pickle(content: bytes) -> Scanned:
    """Follow the opcodes of a pickle with a stack of our own.

    Dictionaries, lists, tuples, numbers and texts come out as such; everything else as `Name`,
    `Call` and `Outside`.

    Raises:
        PickleScanError: It is damaged or too large.
    """
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
            if count > _MOST_OPCODES:
                raise PickleScanError("it holds too many objects to be looked at")
            if opcode.name == "STOP":
                return Scanned(machine.stack.pop(), frozenset(machine.names))
            machine.obey(opcode.name, argument)
    except PickleScanError:
        raise
    except Exception as error:
        # A damaged pickle leads anywhere: a missing mark, a text without end, a wrong number.
        raise PickleScanError("it is damaged") from error
    raise PickleScanError("it has no end")


class _Machine:
    """The unpickler's stack and memo, holding descriptions instead of objects."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.names: set[Name] = set()

    def obey(self, name: str, argument: Any) -> None:
        """Do to the stack what an opcode does to it."""
        handler = getattr(self, f"_do_{name.lower()}", None)
        if handler is not None:
            handler(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _VALUES:
            self.stack.append(argument)
        elif name not in ("PROTO", "FRAME"):
            raise PickleScanError(f"it uses {name}")

    def _after_mark(self) -> list[Any]:
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise PickleScanError("it is damaged")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    # What is made.

    def _do_mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def _do_empty_list(self, _: Any) -> None:
        self.stack.append([])

    def _do_empty_dict(self, _: Any) -> None:
        self.stack.append({})

    def _do_empty_set(self, _: Any) -> None:
        self.stack.append([])

    def _do_list(self, _: Any) -> None:
        self.stack.append(self._after_mark())

    def _do_tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._after_mark()))

    def _do_frozenset(self, _: Any) -> None:
        self.stack.append(tuple(self._after_mark()))

    def _do_tuple1(self, _: Any) -> None:
        self._tuple_of(1)

    def _do_tuple2(self, _: Any) -> None:
        self._tuple_of(2)

    def _do_tuple3(self, _: Any) -> None:
        self._tuple_of(3)

    def _tuple_of(self, length: int) -> None:
        items = tuple(self.stack[-length:])
        del self.stack[-length:]
        self.stack.append(items)

    def _do_dict(self, _: Any) -> None:
        self.stack.append({})
        self._fill(self._after_mark_below())

    def _after_mark_below(self) -> list[Any]:
        made = self.stack.pop()
        items = self._after_mark()
        self.stack.append(made)
        return items

    def _do_append(self, _: Any) -> None:
        item = self.stack.pop()
        _append(self.stack[-1], [item])

    def _do_appends(self, _: Any) -> None:
        items = self._after_mark()
        _append(self.stack[-1], items)

    def _do_additems(self, _: Any) -> None:
        self._do_appends(_)

    def _do_setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._fill([key, value])

    def _do_setitems(self, _: Any) -> None:
        self._fill(self._after_mark())

    def _fill(self, items: list[Any]) -> None:
        target = self.stack[-1]
        into = target.items if isinstance(target, Call) else target
        if isinstance(into, dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                into[_as_key(key)] = value

    # What would run code.

    def _do_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._name(module, name)

    def _do_stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._name(str(module), str(name))

    def _do_inst(self, argument: str) -> None:
        items = self._after_mark()
        self._do_global(argument)
        self.stack.append(Call(self.stack.pop(), tuple(items)))

    def _do_obj(self, _: Any) -> None:
        items = self._after_mark()
        self.stack.append(Call(items[0], tuple(items[1:])))

    def _do_reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(Call(function, arguments))

    def _do_newobj(self, _: Any) -> None:
        self._do_reduce(_)

    def _do_newobj_ex(self, _: Any) -> None:
        named, arguments, function = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.stack.append(Call(function, arguments, state=named))

    def _do_build(self, _: Any) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Call):
            self.stack[-1].state = state

    def _name(self, module: str, name: str) -> None:
        found = Name(module[:200], name[:200])
        self.names.add(found)
        self.stack.append(found)

    def _do_persid(self, argument: str) -> None:
        self.stack.append(Outside(argument))

    def _do_binpersid(self, _: Any) -> None:
        self.stack.append(Outside(self.stack.pop()))

    # What only moves things.

    def _do_pop(self, _: Any) -> None:
        self.stack.pop()

    def _do_pop_mark(self, _: Any) -> None:
        self._after_mark()

    def _do_dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _do_put(self, argument: int) -> None:
        self.memo[argument] = self.stack[-1]

    _do_binput = _do_long_binput = _do_put

    def _do_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _do_get(self, argument: int) -> None:
        self.stack.append(self.memo[argument])

    _do_binget = _do_long_binget = _do_get


def _append(target: Any, items: list[Any]) -> None:
    if isinstance(target, list):
        target.extend(items)


def _as_key(key: Any) -> Any:
    """A key that can be hashed at no cost; what cannot is told by its kind."""
    return key if isinstance(key, str | int | float | bytes | None) else f"({type(key).__name__})"


_CONSTANTS: Final = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_VALUES: Final = frozenset(
    [
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
    ]
)
