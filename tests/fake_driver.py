"""A `libnvidia-ml.so.1` compiled from a test's own C file."""

import shutil
import subprocess
from pathlib import Path


def build_driver(source: Path, folder: Path) -> Path:
    """Compile a fake driver into a folder, which is returned: it goes first in LD_LIBRARY_PATH."""
    compiler = shutil.which("cc")
    assert compiler is not None, "a C compiler is needed: install gcc"
    library = folder / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return folder
