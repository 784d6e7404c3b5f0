"""What an exported model says about itself: inputs, units, site origin, lineage."""

from collections.abc import Mapping
from typing import Any, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from training_core.contract.errors import ExportError

FORMAT_KEY = "heimdall.format"
_PREFIX = "heimdall."
_FORMAT = 1


class TensorInfo(BaseModel):
    """One input or output of the graph."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    """Name in the graph."""
    dtype: str
    """`float32`, `int64`, …"""
    axes: list[str | int]
    """Its shape: a name where the length is free, a number where it is fixed."""
    unit: str = ""
    """What one unit of it is, and how absence is written."""


class ModelMetadata(BaseModel):
    """The `metadata_props` of our ONNX files, one JSON value a field."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: str
    """`receiver_set_net`, `localization_net`, or `generic` for any other module."""
    inputs: list[TensorInfo]
    """In the order of the graph."""
    outputs: list[TensorInfo]
    """In the order of the graph."""
    site_origin: tuple[str, str] | None = None
    """Latitude and longitude of local (0, 0): float64 as text, so that no digit is lost."""
    receiver_ids: list[str] = []
    """What the indices of the input `receiver`, or the receiver axis, stand for."""
    channels: list[str] = []
    """The last axis of the input `observation`."""
    mel: dict[str, float | int | str] = {}
    """Parameters of the spectrograms, where they are the input."""
    opset: int = 0
    """ONNX operator set."""
    exporter: Literal["torchscript", "dynamo"] = "torchscript"
    """Which exporter wrote the file."""
    run_id: str = ""
    """Training run."""
    step: int | None = None
    """Optimizer steps behind the checkpoint."""
    checkpoint_sha256: str = ""
    """Of the checkpoint that was exported."""
    dataset_fingerprint: str = ""
    """Of the dataset it was trained on."""
    config_hash: str = ""
    """Of the configuration it was trained with."""
    split: dict[str, Any] = {}
    """How training, validation and test were divided."""
    created: str = ""
    """When it was exported, UTC."""
    program: str = ""
    """Program and version that exported it."""

    def to_props(self) -> dict[str, str]:
        """The fields as ONNX stores them."""
        values = {f"{_PREFIX}{key}": value for key, value in self.model_dump().items()}
        values[FORMAT_KEY] = _FORMAT
        return {key: orjson.dumps(value).decode() for key, value in values.items()}

    @classmethod
    def from_props(cls, props: Mapping[str, str], file: str) -> Self:
        """The fields of a file.

        Raises:
            ExportError: The file has none, or a newer program wrote them.
        """
        if FORMAT_KEY not in props:
            raise ExportError(
                f"{file} cannot be used",
                why="It is an ONNX file, but it does not say what its inputs mean",
                unharmed="Nothing was changed",
                action="Use a file that `heimdall-console export` wrote",
            )
        try:
            fields = {
                key.removeprefix(_PREFIX): orjson.loads(value)
                for key, value in props.items()
                if key.startswith(_PREFIX)
            }
            if fields.pop("format") > _FORMAT:
                raise ValueError("a newer version of this program wrote it")
            return cls.model_validate(fields)
        except (orjson.JSONDecodeError, ValidationError, ValueError, TypeError) as error:
            raise ExportError(
                f"{file} cannot be used",
                why=f"Its description is damaged or newer than this program: {error}",
                unharmed="Nothing was changed",
                action="Export the checkpoint again",
            ) from error

    @property
    def origin_deg(self) -> tuple[float, float]:
        """Latitude and longitude of local (0, 0).

        Raises:
            ExportError: The model does not answer in local meters.
        """
        if self.site_origin is None:
            raise ExportError(
                "This model has no site origin",
                why=f"It is of kind {self.kind}: its answers are not positions",
                unharmed="Nothing was changed",
                action="Call it with onnxruntime yourself; its inputs stand in its metadata",
            )
        return float(self.site_origin[0]), float(self.site_origin[1])
