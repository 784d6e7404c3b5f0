"""Synthetic recording sessions as a session store, with the drawn truth in a folder beside it.

`truth/` holds what no receiver can know (gains, clocks, powers, losses, times of emission).
Nothing that reads a store for training looks there.
"""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from training_core.contract.jobs import Report, SynthArguments, no_report
from training_core.data.info import DatasetInfo, SiteOrigin, SplitDefinition
from training_core.data.staging import staged_directory
from training_core.data.store import open_store, write_tables
from training_core.data.tables import (
    OBSERVATION_SCHEMA,
    RECEIVER_SCHEMA,
    SESSION_SCHEMA,
    build_table,
)
from training_core.radio.generator import SyntheticSessions, generate
from training_core.radio.presets import GeneratorOptions, preset_options

TRUTH_FOLDER = "truth"


def synth(arguments: SynthArguments, report: Report = no_report) -> dict[str, Any]:
    """Generate a dataset.

    Args:
        arguments: preset, changed options, number of sessions, seed and where to.
        report: told what is done.

    Returns:
        Path, fingerprint and counts, as plain JSON.

    Raises:
        UsageError: the options are impossible, or hardly anything would be heard.
        DatasetError: the directory is taken or cannot be written.
    """
    options = preset_options(arguments.preset, arguments.options)
    drawn = generate(
        options,
        arguments.sessions,
        arguments.seed,
        report=lambda done, total: report("drawing sessions", done, total),
    )
    report("writing the dataset", 0, arguments.sessions)
    write_synthetic(drawn, arguments.preset, arguments.target, overwrite=arguments.overwrite)
    store = open_store(arguments.target)
    report("writing the dataset", arguments.sessions, arguments.sessions)
    heard = np.isfinite(drawn.links.rssi_dbm)
    return {
        "dataset": str(arguments.target),
        "name": store.info.name,
        "fingerprint": store.fingerprint,
        "preset": arguments.preset,
        "seed": arguments.seed,
        "sessions": len(heard),
        "receivers": heard.shape[1],
        "readings": int(heard.sum()),
        "times_of_arrival": int(drawn.links.has_toa.sum()),
        "receivers_per_session": float(heard.sum(axis=1).mean()),
        "unheard_emissions": drawn.unheard,
    }


def write_synthetic(
    drawn: SyntheticSessions, preset: str, path: Path, *, overwrite: bool = False
) -> None:
    """Write drawn sessions as a session store.

    Every receiver has a row in every session, with nulls where it heard nothing.

    Args:
        drawn: what the generator gave.
        preset: name of the preset it started from.
        path: directory to make.
        overwrite: replace the dataset that lies there.

    Raises:
        DatasetError: the directory is taken or cannot be written.
    """
    session_id = np.array([f"s{number:07d}" for number in range(len(drawn.emissions.time_ns))])
    session_column, receiver_column = _pairs(session_id, drawn.receivers.receiver_id)
    with staged_directory(path, overwrite=overwrite) as folder:
        write_tables(
            folder,
            _info(drawn, preset, len(session_id)),
            _receiver_table(drawn),
            _session_table(drawn, session_id),
            _observation_table(drawn, session_column, receiver_column),
        )
        _write_truth(folder / TRUTH_FOLDER, drawn, session_id, session_column, receiver_column)


def _info(drawn: SyntheticSessions, preset: str, sessions: int) -> DatasetInfo:
    options = drawn.options
    splits = {
        "place": SplitDefinition(
            by="place", cell_m=options.cell_m, description="Whole cells of a grid are held out"
        )
    }
    if options.movement == "tracks":
        splits["track"] = SplitDefinition(
            by="track", description="Whole tracks are held out", validation_by="track"
        )
    return DatasetInfo(
        name=f"{preset}-{drawn.seed}",
        source=f"Generated: preset {preset}, seed {drawn.seed}, {sessions} sessions",
        description="Synthetic observations of emitters; notes hold every option of the generator",
        site_origin=SiteOrigin(
            latitude_deg=options.latitude_deg, longitude_deg=options.longitude_deg
        ),
        splits=splits,
        notes={
            "preset": preset,
            "seed": drawn.seed,
            "sessions": sessions,
            "unheard_emissions": drawn.unheard,
            **_option_notes(options),
        },
    )


def _option_notes(options: GeneratorOptions) -> dict[str, int | float | str]:
    plain = options.model_dump(mode="json")
    plain["sites"] = orjson.dumps(plain["sites"]).decode()
    return plain


def _receiver_table(drawn: SyntheticSessions) -> pa.Table:
    receivers = drawn.receivers
    return build_table(
        RECEIVER_SCHEMA,
        {
            "receiver_id": receivers.receiver_id,
            "latitude_deg": receivers.latitude_deg,
            "longitude_deg": receivers.longitude_deg,
            "altitude_m": receivers.altitude_m,
            "floor_dbm": receivers.floor_dbm,
            "sync_class": np.full(len(receivers.receiver_id), drawn.options.sync_class),
        },
    )


def _session_table(drawn: SyntheticSessions, session_id: NDArray[np.str_]) -> pa.Table:
    emissions, options = drawn.emissions, drawn.options
    latitude, longitude = drawn.frame.to_wgs84(*emissions.position_m.T)
    altitude = options.ground_altitude_m + options.emitter_height_m
    return build_table(
        SESSION_SCHEMA,
        {
            "session_id": session_id,
            "time": pa.array(emissions.time_ns).cast(SESSION_SCHEMA.field("time").type),
            "track": [None if number < 0 else f"t{number:05d}" for number in emissions.track],
            "latitude_deg": latitude,
            "longitude_deg": longitude,
            "altitude_m": np.full(len(session_id), altitude),
            "label_accuracy_m": np.zeros(len(session_id)),
        },
    )


def _observation_table(
    drawn: SyntheticSessions, session_column: pa.Array, receiver_column: pa.Array
) -> pa.Table:
    links = drawn.links
    return build_table(
        OBSERVATION_SCHEMA,
        {
            "session_id": session_column,
            "receiver_id": receiver_column,
            "rssi_dbm": links.rssi_dbm.ravel(),
            "snr_db": links.snr_db.ravel(),
            "toa_ns": pa.array(links.toa_ns.ravel(), mask=~links.has_toa.ravel()),
            "time_sd_ns": links.time_sd_ns.ravel(),
        },
    )


def _write_truth(
    folder: Path,
    drawn: SyntheticSessions,
    session_id: NDArray[np.str_],
    session_column: pa.Array,
    receiver_column: pa.Array,
) -> None:
    receivers, emissions, links = drawn.receivers, drawn.emissions, drawn.links
    per_link = {
        name: getattr(links, name).ravel().astype(np.float32)
        for name in (
            "path_loss_db",
            "shadowing_db",
            "fading_db",
            "clock_error_ns",
            "toa_noise_ns",
            "excess_delay_ns",
        )
    }
    tables = {
        "receivers": {
            "receiver_id": receivers.receiver_id.astype(object),
            "noise_dbm": receivers.noise_dbm,
            "gain_offset_db": receivers.gain_offset_db,
            "clock_sd_ns": receivers.clock_sd_ns,
            "delay_bias_ns": receivers.delay_bias_ns,
        },
        "sessions": {
            "session_id": session_id.astype(object),
            "emission_ns": emissions.emission_ns,
            "power_dbm": emissions.power_dbm,
        },
        "links": {"session_id": session_column, "receiver_id": receiver_column, **per_link},
    }
    folder.mkdir()
    for name, columns in tables.items():
        table = pa.table(
            {
                column: values
                if isinstance(values, pa.Array | pa.ChunkedArray)
                else pa.array(values, from_pandas=True)
                for column, values in columns.items()
            }
        )
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")


def _pairs(
    session_id: NDArray[np.str_], receiver_id: NDArray[np.str_]
) -> tuple[pa.Array, pa.Array]:
    """Session and receiver of every link, one row each, sessions outermost."""
    session = np.repeat(np.arange(len(session_id), dtype=np.int32), len(receiver_id))
    receiver = np.tile(np.arange(len(receiver_id), dtype=np.int32), len(session_id))
    return (
        pa.DictionaryArray.from_arrays(session, session_id.astype(object)).cast(pa.string()),
        pa.DictionaryArray.from_arrays(receiver, receiver_id.astype(object)).cast(pa.string()),
    )
