"""What was proved of an exported model: `proof.json`."""

from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict

from training_core.contract.errors import ExportError
from training_core.contract.files import write_atomic

MEAN_TOLERANCE_M = 1e-2
"""Outputs in meters: a centimeter is far below what any receiver can tell."""
FLOAT32_SHARE = 1e-6
"""Of the largest output in meters: float32 keeps seven digits, of which sums lose one."""
RELATIVE_TOLERANCE = 1e-3
"""Every other output: of its largest value in the same example."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Parity(_Record):
    """onnxruntime against PyTorch for one output at one batch."""

    output: str
    """Name in the graph."""
    shape: list[int]
    """Of the output; the first number is the batch."""
    max_abs_difference: float
    """Greatest difference between the two."""
    mean_abs_difference: float
    """Mean difference."""
    largest_value: float
    """Greatest absolute value that PyTorch answered."""
    tolerance: float
    """What the greatest difference may be; at a relative tolerance, for the worst example."""
    ok: bool
    """Whether every example is within its tolerance."""


class Speed(_Record):
    """Milliseconds a call, median of alternating calls."""

    batch: int
    torch_ms: float
    onnxruntime_ms: float
    calls: int
    """Calls behind each median."""
    threads: int
    """CPU threads that both may use."""

    @property
    def ratio(self) -> float:
        """How many times faster onnxruntime is."""
        return self.torch_ms / self.onnxruntime_ms if self.onnxruntime_ms > 0 else 0.0


class Proof(_Record):
    """Everything checked about one ONNX file."""

    sha256: str
    """Of the file that was proved."""
    size_bytes: int
    """Of the same file."""
    checker: str = "passed"
    """What the ONNX checker said."""
    exporter: str
    """torchscript or dynamo."""
    opset: int
    """ONNX operator set."""
    rows: int
    """Distinct validation rows that were used."""
    parity: list[Parity]
    """For each batch and output."""
    speed: list[Speed]
    """For each batch that was timed."""
    versions: dict[str, str]
    """Of torch, onnx and onnxruntime."""
    seconds: float
    """How long the proof took."""

    @property
    def ok(self) -> bool:
        """Whether all outputs agree at all batches."""
        return all(parity.ok for parity in self.parity)

    @property
    def max_abs_difference(self) -> float:
        """The greatest difference of all."""
        return max((parity.max_abs_difference for parity in self.parity), default=0.0)

    def summary(self) -> dict[str, float | bool | str]:
        """The figures that a person wants first."""
        figures: dict[str, float | bool | str] = {"ok": self.ok, "exporter": self.exporter}
        for parity in self.parity:
            key = f"max_abs_difference_{parity.output}"
            figures[key] = max(float(figures.get(key, 0.0)), parity.max_abs_difference)
        for speed in self.speed:
            figures[f"speedup_batch_{speed.batch}"] = round(speed.ratio, 2)
        return figures

    def write(self, path: Path) -> None:
        """Write `proof.json`."""
        content = {**self.model_dump(), "ok": self.ok, "summary": self.summary()}
        write_atomic(path, orjson.dumps(content, option=orjson.OPT_INDENT_2))


def read_proof(path: Path) -> Proof:
    """Read `proof.json`.

    Raises:
        ExportError: It is missing or not a proof.
    """
    try:
        return Proof.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ExportError(
            f"{path.parent} has no readable proof",
            why=f"{path.name} is missing or damaged",
            unharmed="Nothing was registered",
            action="Export the checkpoint again",
        ) from error
