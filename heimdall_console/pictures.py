"""Pictures of a screen, saved where the person is."""

import os
import time
from pathlib import Path

from training_core.contract.errors import HeimdallError
from training_core.contract.files import write_atomic
from training_core.contract.home import working_folder


def save_picture(svg: str, name: str, home: Path) -> Path:
    """Write a picture into the current folder, or into the home where that is not writable.

    Args:
        svg: The picture.
        name: What it shows.
        home: Where it goes otherwise.

    Raises:
        HeimdallError: Neither can be written.
    """
    file_name = f"heimdall-{name}-{time.strftime('%Y%m%d-%H%M%S')}.svg"
    folder = working_folder()
    folder = folder if os.access(folder, os.W_OK) else home
    path = folder / file_name
    try:
        write_atomic(path, svg.encode(), mode=0o644)
    except OSError as error:
        raise HeimdallError(
            f"The picture {path} could not be written",
            why=error.strerror or str(error),
            unharmed="Nothing else was touched",
            action="Free some space or start the console in a folder that you may write to",
        ) from error
    return path
