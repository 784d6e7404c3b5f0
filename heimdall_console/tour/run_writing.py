"""Turns recorded trainings into run directories."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import orjson

from heimdall_console.tour.example_gpu import with_example_gpu
from heimdall_console.tour.recording import (
    HOME_TOKEN,
    Record,
    RecordedRun,
    Recording,
    filled,
    run_token,
)
from heimdall_console.tour.weights import with_other_home
from training_core.contract.checkpoints import CheckpointSidecar, sidecar_path, write_sidecar
from training_core.contract.run_dir import RunDir, RunInfo, create_run

_END_OF_ARCHIVE_BYTES: Final = 2
"""The last bytes of a zip archive without a comment: the length of the comment."""


class RunWriter:
    """Writes runs of a recording into a home.

    Args:
        home: It exists.
        recording: What was recorded.
        ids: Key of a run → its id in this home, for texts that name it.
        shown_home: Folder that texts name as the home; its own where it is empty.
    """

    def __init__(
        self, home: Path, recording: Recording, ids: Mapping[str, str], shown_home: str = ""
    ) -> None:
        self.home = home
        self.recording = recording
        self._names = {
            HOME_TOKEN: shown_home or str(home),
            **{run_token(key): i for key, i in ids.items()},
        }
        self._weights = with_other_home(recording.weights, HOME_TOKEN, self._names[HOME_TOKEN])

    def make(self, recorded: RecordedRun, run_id: str, created: float, name: str = "") -> RunDir:
        """Make the directory of a run that has not begun.

        Args:
            recorded: What was recorded.
            run_id: Its id.
            created: Seconds since 1970.
            name: Its name; the recorded one when empty.
        """
        known = {**recorded.info, "id": run_id, "created": created}
        if name:
            known["name"] = name
        info = RunInfo.from_fields(self._filled_json(known, run_id, recorded.key))
        config = self.text(recorded.config.encode(), run_id, recorded.key).decode()
        return create_run(self.home, info, config)

    def write_log(
        self, run: RunDir, recorded: RecordedRun, records: Iterable[Record], begun: float
    ) -> None:
        """Write a part of a log at once, and the files that it leaves behind.

        Args:
            run: The run.
            recorded: What was recorded.
            records: The part of its records.
            begun: When the training began, seconds since 1970.
        """
        lines, kept = [], dict[str, Record]()
        for raw in records:
            record = self.record(raw, run, recorded.key)
            written = {**record, "t": begun + raw["t"]}
            lines.append(orjson.dumps(written))
            if record["kind"] == "checkpoint":
                kept[Path(record["path"]).name] = written
                for gone in record.get("removed", ()):
                    kept.pop(Path(gone).name, None)
            elif record["kind"] == "artifact":
                self.write_files(run, recorded, record["path"])
        for record in kept.values():
            self.write_checkpoint(run, record)
        descriptor = os.open(run.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as log:
            log.write(b"".join(line + b"\n" for line in lines))

    def record(self, raw: Record, run: RunDir, key: str) -> Record:
        """A record as it belongs into the log of a run of this home, but for its time."""
        record = self._filled_json(raw, run.id, key)
        if record["kind"] == "hardware":
            record = with_example_gpu(record)
        elif record["kind"] == "checkpoint":
            path = run.checkpoints / Path(record["path"]).name
            weights = self._weights_of(path)
            record |= {
                "path": str(path),
                "sha256": hashlib.sha256(weights).hexdigest(),
                "size_bytes": len(weights),
            }
        return record

    def write_checkpoint(self, run: RunDir, record: Record) -> None:
        """Let the recorded weights appear under the name of a checkpoint.

        Args:
            run: The run.
            record: Its record, with its time in seconds since 1970.
        """
        path = run.checkpoints / Path(record["path"]).name
        if not path.exists():
            path.write_bytes(self._weights_of(path))
        sidecar = CheckpointSidecar(
            file=path.name,
            step=record["step"],
            epoch=record["epoch"],
            metrics=record.get("metrics", {}),
            monitor="val/loss",
            size_bytes=record["size_bytes"],
            sha256=record["sha256"],
            created=record["t"],
            reason=record.get("reason", ""),
            run_id=run.id,
        )
        write_sidecar(run.checkpoints, sidecar)
        for gone in record.get("removed", ()):
            removed = run.checkpoints / Path(gone).name
            removed.unlink(missing_ok=True)
            sidecar_path(removed).unlink(missing_ok=True)

    def write_files(self, run: RunDir, recorded: RecordedRun, path: str) -> None:
        """Write the file or folder that an `artifact` record announces."""
        for name, content in recorded.files.items():
            if name == path or name.startswith(f"{path}/"):
                target = run.path / name
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                is_text = not name.endswith(".onnx")
                target.write_bytes(self.text(content, run.id, recorded.key) if is_text else content)

    def _weights_of(self, path: Path) -> bytes:
        """The recorded weights with the name of a checkpoint as the comment of their archive.

        Exports know a checkpoint by its SHA-256: no two may be the same file.
        """
        comment = f"{path.parent.parent.name}/{path.name}".encode()
        length = len(comment).to_bytes(_END_OF_ARCHIVE_BYTES, "little")
        return self._weights[:-_END_OF_ARCHIVE_BYTES] + length + comment

    def text(self, content: bytes, run_id: str = "", key: str = "") -> bytes:
        """A recorded text with the names of this home in it."""
        # A run may be written under other ids than the one that others know it by.
        own = {run_token(key): run_id} if key else {}
        return filled(content, {**self._names, **own})

    def _filled_json(self, value: Record, run_id: str, key: str) -> Record:
        content: Record = orjson.loads(self.text(orjson.dumps(value), run_id, key))
        return content
