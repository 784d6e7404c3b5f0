"""Copy the pictures of the documents out of the snapshots that the tests hold the screens to."""

import argparse
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SNAPSHOTS = ROOT / "tests" / "console" / "__snapshots__" / "test_snapshots"
PICTURES = ROOT / "docs" / "pictures"
SHOWN = ("runs", "configure", "live", "checkpoints", "models", "evaluate")


def snapshot_of(name: str) -> Path:
    """The snapshot of a screen, dark and of middle size."""
    return SNAPSHOTS / f"test_every_screen_looks_as_it_did[dark][{name}-120x40].svg"


def main() -> int:
    """Copy them, or check with `--check` that they are the same."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether they are the same")
    is_check = parser.parse_args().check
    for name in SHOWN:
        source, target = snapshot_of(name), PICTURES / f"{name}.svg"
        if not is_check:
            shutil.copyfile(source, target)
        elif not target.exists() or source.read_bytes() != target.read_bytes():
            print(f"{target.relative_to(ROOT)} is stale: run `make pictures`", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
