"""What a process loads, asked of real interpreters: linters see imports, not their effect."""

import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

TRAINING = {"torch", "pytorch_lightning", "torchmetrics"}
PUBLISHING = {"mlflow", "onnx", "onnxruntime", "minio", "pandas"}
SEARCH = {"optuna", "sqlalchemy"}
ARRAYS = {"numpy", "scipy", "pyarrow", "pyproj", "sklearn"}

IMPORT_ALL = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""

RUN_COMMAND = """
import contextlib, io, json, sys
from heimdall_console.__main__ import main
sys.argv = ["heimdall-console", *json.loads(sys.argv[1])]
code = 0
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as told:
    try:
        code = main()
    except SystemExit as leaving:
        code = leaving.code
if code:
    sys.exit(f"exit code {code}: {told.getvalue()}")
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded(program: str, argument: list[str]) -> set[str]:
    """Run a program in a fresh interpreter; return the top-level packages it had loaded."""
    answer = subprocess.run(
        [sys.executable, "-c", program, json.dumps(argument)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answer.returncode == 0, answer.stderr
    return set(json.loads(answer.stdout.splitlines()[-1]))


def modules_of(package: str) -> list[str]:
    """Return the names of a package's modules, without importing any of them."""
    folder = REPOSITORY / package.replace(".", "/")
    found = pkgutil.walk_packages([str(folder)], prefix=f"{package}.")
    # Executing a `__main__` would start a program.
    return [package, *(m.name for m in found if not m.name.endswith("__main__"))]


def test_the_probe_sees_what_is_loaded() -> None:
    assert "numpy" in loaded(IMPORT_ALL, ["numpy"])


def test_no_module_of_the_console_loads_a_training_or_publishing_library() -> None:
    modules = modules_of("heimdall_console")
    assert len(modules) > 3
    assert not loaded(IMPORT_ALL, modules) & (TRAINING | PUBLISHING | SEARCH)


def test_a_study_loads_no_training_or_publishing_library() -> None:
    probe = IMPORT_ALL + "\nassert 'optuna' in sys.modules"
    modules = ["optuna.samplers", "optuna.pruners", "optuna.storages"]
    assert not loaded(probe, modules) & (TRAINING | PUBLISHING)


def test_the_first_frame_waits_for_no_heavy_import() -> None:
    modules = ["heimdall_console.opening", "heimdall_console.app", "heimdall_console.screens.runs"]
    early = loaded(IMPORT_ALL, modules)
    assert "textual" in early
    assert not early & ({"typer", "pydantic", "orjson", "tomlkit"} | ARRAYS)


def test_the_contract_is_plain_data() -> None:
    modules = modules_of("training_core.contract")
    assert "training_core.contract.config" in modules
    assert not loaded(IMPORT_ALL, modules) & (TRAINING | PUBLISHING | ARRAYS)


def test_physics_needs_neither_torch_nor_a_server() -> None:
    modules = modules_of("training_core.radio")
    assert len(modules) > 1
    assert not loaded(IMPORT_ALL, modules) & (TRAINING | PUBLISHING)


@pytest.mark.parametrize(
    "module", ["publisher", "mlflow_store", "object_store", "registry", "inference"]
)
def test_publishing_and_prediction_run_without_torch(module: str) -> None:
    assert not loaded(IMPORT_ALL, [f"training_core.publishing.{module}"]) & TRAINING


def test_the_worker_starts_before_any_heavy_library_is_loaded() -> None:
    assert not loaded(IMPORT_ALL, ["training_core.worker.__main__"]) & (TRAINING | PUBLISHING)


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["run", "--help"],
        ["config", "--help"],
        ["config", "init"],
        ["config", "schema"],
        ["data", "--help"],
        ["predict", "--help"],
        ["export", "--help"],
        ["evaluate", "--help"],
        ["sweep", "--help"],
    ],
    ids=" ".join,
)
def test_a_light_command_loads_nothing_heavy(command: list[str]) -> None:
    assert not loaded(RUN_COMMAND, command) & (TRAINING | PUBLISHING | ARRAYS)


@pytest.mark.parametrize("command", [["--help"], ["config", "init"]], ids=" ".join)
def test_a_light_command_costs_little_processor_time(command: list[str]) -> None:
    # The budget of 0.3 s holds on an idle machine and benchmarks measure it; processor time is
    # what a loaded one can still tell, and one heavy import alone is far above this bound.
    arguments = [sys.executable, "-m", "heimdall_console", *command]
    assert min(processor_s(arguments) for _ in range(5)) < 0.6


def processor_s(arguments: list[str]) -> float:
    """Run a command and return the processor time it took, seconds."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime
