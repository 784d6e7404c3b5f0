"""The recording that is shipped: real trainings, as `scripts/record_tour.py` packed them."""

import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

Record = dict[str, Any]

RECORDING: Final = Path(__file__).parent / "recording.tar.xz"
"""The file that is shipped."""
HOME_TOKEN: Final = "@HOME@"
"""Stands for the home in every recorded text."""

BASELINE, DIVERGED, LONG = "baseline", "diverged", "long"


def run_token(key: str) -> str:
    """Stands for the id of a run in every recorded text."""
    return f"@RUN-{key}@"


@dataclass(frozen=True)
class RecordedRun:
    """One training."""

    key: str
    """Its name inside the recording."""
    info: dict[str, Any]
    """`run.json`."""
    config: str
    """`config.toml`."""
    records: Sequence[Record]
    """Its log; `t` counts from the first record."""
    files: Mapping[str, bytes]
    """What else lies in its directory: path → content."""


@dataclass(frozen=True)
class Recording:
    """Everything that was recorded."""

    dataset: dict[str, Any]
    """Arguments of the generator that makes the dataset again."""
    runs: Mapping[str, RecordedRun]
    """Key → training."""
    jobs: Mapping[str, Mapping[str, bytes]]
    """Kind of job → the files of its directory."""
    weights: bytes
    """The best checkpoint of the baseline; it stands for every other one."""


def read_recording(path: Path = RECORDING) -> Recording:
    """Read all of it; half a megabyte or so in memory."""
    contents: dict[str, bytes] = {}
    with tarfile.open(path, "r:xz") as archive:
        for entry in archive:
            file = archive.extractfile(entry)
            if file is not None:
                contents[entry.name] = file.read()
    about = orjson.loads(contents["recording.json"])
    return Recording(
        dataset=about["dataset"],
        runs={key: _run(key, _below(contents, f"runs/{key}/")) for key in about["runs"]},
        jobs={kind: _below(contents, f"jobs/{kind}/") for kind in about["jobs"]},
        weights=contents["weights.ckpt"],
    )


def filled(content: bytes, names: Mapping[str, str]) -> bytes:
    """A recorded text with its tokens replaced.

    Args:
        content: The text.
        names: Token → what it stands for here.
    """
    for token, name in names.items():
        content = content.replace(token.encode(), name.encode())
    return content


def _run(key: str, files: dict[str, bytes]) -> RecordedRun:
    info, config, log = (files.pop(name) for name in ("run.json", "config.toml", "log.jsonl"))
    records = [orjson.loads(line) for line in log.splitlines()]
    return RecordedRun(key, orjson.loads(info), config.decode(), records, files)


def _below(contents: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    return {
        name.removeprefix(folder): content
        for name, content in contents.items()
        if name.startswith(folder)
    }
