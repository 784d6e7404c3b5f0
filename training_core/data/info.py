"""dataset.toml: what a dataset is called, where it lies, and the splits it defines."""

from typing import Annotated, Literal, Self

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, model_validator

DATASET_SCHEMA_VERSION = 1

Block = Literal["place", "track", "date"]
"""What stays together in a split: a cell of a grid, a track, a day in UTC."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SiteOrigin(_Record):
    """Where the local east and north are zero."""

    latitude_deg: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]
    longitude_deg: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]


class SplitDefinition(_Record):
    """How the sessions are divided into train, val and test."""

    by: Literal["place", "track", "date", "list", "random"]
    description: str = ""
    cell_m: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Side of a grid cell for blocks by place, meters; chosen from the extent when absent."""
    validation_by: Block = "place"
    """Block by which validation is carved out of the rest, where a list names only the test."""
    train: tuple[str, ...] = ()
    val: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    """Session ids, for `by = "list"`."""
    train_file: str | None = None
    val_file: str | None = None
    test_file: str | None = None
    """JSON files inside the dataset, each a list of session ids, beside the lists above."""

    @model_validator(mode="after")
    def _lists_belong_to_list(self) -> Self:
        listed = self.train or self.val or self.test
        filed = self.train_file or self.val_file or self.test_file
        if self.by == "list" and not (listed or filed):
            raise ValueError(
                'by = "list" needs session ids in test, val or train, or a file of them'
            )
        if self.by != "list" and (listed or filed):
            raise ValueError(f'by = "{self.by}" takes no session ids; use by = "list"')
        return self

    @property
    def files(self) -> tuple[str, ...]:
        """The list files that belong to this definition."""
        named = (self.train_file, self.val_file, self.test_file)
        return tuple(name for name in named if name is not None)


class DatasetInfo(_Record):
    """Everything in dataset.toml."""

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=200)]
    licence: str = ""
    source: str = ""
    description: str = ""
    site_origin: SiteOrigin
    splits: dict[str, SplitDefinition] = Field(default_factory=dict)
    notes: dict[str, int | float | str] = Field(default_factory=dict)
    """What the importer or generator counted or drew, by name."""

    def as_toml(self) -> str:
        """The file's text."""
        plain = self.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
        return tomlkit.dumps({"schema_version": self.schema_version, **plain})
