"""The module that is exported: a network whose outputs are what a caller of the file wants."""

import copy
import inspect
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training_core.contract.errors import ExportError

# Inputs whose second axis is the receivers of a session, any number of them.
_RECEIVER_SETS = frozenset({"receiver", "position_m", "observation"})

Axes = dict[str, dict[int, str]]


@dataclass(frozen=True)
class ExportGraph:
    """A module on the CPU in evaluation mode, with the names of its tensors."""

    module: nn.Module
    """Takes the inputs by position and returns a tuple of tensors."""
    inputs: dict[str, Tensor]
    """Rows to trace and to prove with; their first axis is the batch."""
    output_names: tuple[str, ...]
    """In the order of the module's tuple."""
    axes: Axes
    """Axes of free length by tensor: the batch, the receivers."""

    @property
    def rows(self) -> int:
        """How many rows the inputs hold."""
        return next(iter(self.inputs.values())).shape[0]

    @property
    def parameter_count(self) -> int:
        """Numbers that the module holds."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    def take(self, count: int, start: int = 0) -> tuple[Tensor, ...]:
        """`count` rows of every input, from `start` on, repeated where there are fewer."""
        index = (torch.arange(count) + start) % self.rows
        return tuple(values[index] for values in self.inputs.values())


class _PositionGraph(nn.Module):
    """Mean and covariance from a network that answers mean and Cholesky factor."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        mean_m, cholesky_m = self.network(*inputs)
        return mean_m, cholesky_m @ cholesky_m.transpose(-1, -2)


class _FlatGraph(nn.Module):
    """Any module; its outputs in one flat tuple."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(_named_outputs(self.network(*inputs)).values())


def position_graph(network: nn.Module, inputs: Mapping[str, Tensor]) -> ExportGraph:
    """The graph of one of our networks: `mean_m` and `covariance_m2` in local meters.

    Args:
        network: Answers (mean, Cholesky factor).
        inputs: Validation rows by name, in the order of the network's arguments.

    Raises:
        ExportError: There are no rows.
    """
    rows = _checked_rows(inputs)
    axes: Axes = {name: {0: "batch"} for name in (*rows, "mean_m", "covariance_m2")}
    for name in _RECEIVER_SETS & set(rows):
        axes[name][1] = "receivers"
    return ExportGraph(
        _ready(_PositionGraph(network), network), rows, ("mean_m", "covariance_m2"), axes
    )


def module_graph(network: nn.Module, batch: object) -> ExportGraph:
    """The graph of any module's `forward`, with names taken from it.

    Inputs have the names of its arguments; outputs the keys of a dictionary, the fields of
    a named tuple, the attribute `output_names`, or `output_0`, `output_1`, ….

    Args:
        network: A module, such as a LightningModule.
        batch: An example batch of its dataset, from which `forward` takes what it needs.

    Raises:
        ExportError: The arguments cannot be found in the batch, or `forward` fails.
    """
    rows = _checked_rows(forward_inputs(network, batch))
    flat = _ready(_FlatGraph(network), network)
    try:
        with torch.no_grad():
            outputs = _named_outputs(
                flat.get_submodule("network")(*(values[:2] for values in rows.values()))
            )
    except Exception as error:
        # Foreign code may raise anything; what it says is all we know.
        raise _not_exportable(network, f"its forward failed on an example: {error}") from error
    given = getattr(network, "output_names", None)
    if isinstance(given, list | tuple) and len(given) == len(outputs):
        outputs = dict(zip((str(name) for name in given), outputs.values(), strict=True))
    count = min(2, next(iter(rows.values())).shape[0])
    axes: Axes = {name: {0: "batch"} for name in rows}
    for name, values in outputs.items():
        if values.ndim and values.shape[0] == count:
            axes[name] = {0: "batch"}
    return ExportGraph(flat, rows, tuple(outputs), axes)


def forward_inputs(network: nn.Module, batch: object) -> dict[str, Tensor]:
    """The tensors that `forward` takes, by the names of its arguments.

    Raises:
        ExportError: The batch does not hold them.
    """
    parameters = [
        parameter
        for parameter in inspect.signature(network.forward).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    required = [p.name for p in parameters if p.default is p.empty] or [
        p.name for p in parameters[:1]
    ]
    if isinstance(batch, Mapping):
        found = {name: batch[name] for name in required if name in batch}
        if len(found) < len(required) and len(required) == 1:
            found = {required[0]: next(iter(batch.values()), None)}
    else:
        items = batch if isinstance(batch, list | tuple) else (batch,)
        found = dict(zip(required, items, strict=False))
    if len(found) < len(required) or not all(isinstance(v, Tensor) for v in found.values()):
        raise _not_exportable(
            network,
            f"its forward takes {', '.join(required) or 'nothing'} and the batch of the "
            "validation data does not hold these as tensors",
        )
    return found


def _named_outputs(outputs: object) -> dict[str, Tensor]:
    if isinstance(outputs, Tensor):
        return {"output_0": outputs}
    if isinstance(outputs, Mapping):
        return {str(name): value for name, value in outputs.items()}
    if isinstance(outputs, list | tuple):
        names = getattr(outputs, "_fields", None) or [f"output_{i}" for i in range(len(outputs))]
        return dict(zip(names, outputs, strict=True))
    raise TypeError(f"forward returns {type(outputs).__name__}, not tensors")


def _checked_rows(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    lengths = {name: values.shape[0] if values.ndim else 0 for name, values in inputs.items()}
    if not lengths or min(lengths.values()) == 0 or len(set(lengths.values())) > 1:
        raise ExportError(
            "The model was not exported",
            why=f"There are no validation rows to prove it with (rows by input: {lengths})",
            unharmed="The checkpoint is unharmed",
            action="Give a dataset whose validation split holds sessions",
        )
    return {
        name: values.detach().to("cpu", torch.float32 if values.is_floating_point() else None)
        for name, values in inputs.items()
    }


def _ready(graph: nn.Module, network: nn.Module) -> nn.Module:
    """The graph in float32 on the CPU for inference; the given network stays as it is."""
    # Copying shares nothing with a network that goes on training.
    graph.network = copy.deepcopy(network).to("cpu").float()
    return graph.eval().requires_grad_(False)


def _not_exportable(network: nn.Module, why: str) -> ExportError:
    return ExportError(
        f"{type(network).__name__} was not exported",
        why=why[:1].upper() + why[1:],
        unharmed="The checkpoint is unharmed",
        action="Give its forward tensors only, or set export.enabled = false",
    )
