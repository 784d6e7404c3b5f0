"""Opening an ONNX file with onnxruntime, and what its metadata says."""

from pathlib import Path
from typing import Any

from training_core.contract.errors import ExportError


def open_session(path: Path, threads: int = 0) -> Any:
    """An onnxruntime session on the CPU.

    Args:
        path: The ONNX file.
        threads: CPU threads; 0 lets onnxruntime choose.

    Raises:
        ExportError: The file is missing or not a model that onnxruntime runs.
    """
    import onnxruntime

    if not path.is_file():
        raise ExportError(
            f"There is no model {path}",
            unharmed="Nothing was changed",
            action="Name an .onnx file, or a registered model as name@alias",
        )
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # Its warnings go to the terminal of whoever runs us.
    options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime's errors have no common base beside Exception.
        raise ExportError(
            f"{path} cannot be used",
            why=f"It is not an ONNX model that onnxruntime runs: {str(error).splitlines()[0]}",
            unharmed="Nothing was changed",
            action="Use a file that `heimdall-console export` wrote, or export again",
        ) from error


def session_props(session: Any) -> dict[str, str]:
    """The `metadata_props` of the file behind a session."""
    return dict(session.get_modelmeta().custom_metadata_map)
