"""Whether the home can hold runs: writable, private, on a disk with room where locks work."""

import contextlib
import os
import secrets
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from heimdall_console.doctor.finding import Finding
from heimdall_console.formatting import count, plain, size
from training_core.contract.errors import HeimdallError
from training_core.contract.files import write_atomic
from training_core.contract.lock import WorkerLock
from training_core.contract.secrets import credential_sources

_LITTLE_BYTES: Final = 2_000_000_000
_NOTHING_BYTES: Final = 100_000_000
_FEW_FILES: Final = 10_000
_LOCK_S: Final = 10.0
_SLOW_WRITE_S: Final = 0.5
_REMOTE: Final = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "lustre")
_LOOK_AT_LOCK: Final = (
    "import sys; from pathlib import Path; from training_core.contract.lock import is_locked; "
    "print(is_locked(Path(sys.argv[1])))"
)


def home_findings(home: Path) -> list[Finding]:
    """What is to be said of a home; nothing is left in it, and none is made."""
    above = next((folder for folder in (home, *home.parents) if folder.exists()), Path("/"))
    findings = [_folder(home, above)]
    if findings[0].status != "failed":
        findings += [_mode(home), _space(above), _file_system(above)]
        if home.is_dir():
            findings += [_writing(home), _locking(home)]
    return [*findings, _credentials(home)]


def file_system_of(path: Path, mounts: str) -> str:
    """Type of the file system that a path lies on.

    Args:
        path: An absolute path without links.
        mounts: Content of `/proc/self/mountinfo`.
    """
    kind, longest = "", -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split()
        if len(fields) < 5 or not after:
            continue
        # The kernel writes blanks and backslashes in octal.
        point = Path(fields[4].encode().decode("unicode_escape"))
        if len(point.parts) >= longest and path.is_relative_to(point):
            kind, longest = after.split()[0], len(point.parts)
    return kind


def _folder(home: Path, above: Path) -> Finding:
    shown = plain(home)
    where = "HEIMDALL_HOME" if os.environ.get("HEIMDALL_HOME") else "the XDG data directory"
    figures = {"path": str(home), "exists": home.is_dir()}
    if home.exists() and not home.is_dir():
        return Finding(
            "folder",
            "failed",
            f"{shown} is not a folder",
            "Set HEIMDALL_HOME to a folder",
            figures,
        )
    if not os.access(above, os.W_OK | os.X_OK):
        return Finding(
            "folder",
            "failed",
            f"{plain(above)} is not writable",
            f"Make it writable for {_user()}, or set HEIMDALL_HOME to another folder",
            figures,
        )
    if not home.exists():
        return Finding(
            "folder", "ok", f"{shown} ({where}), made when it is first used", figures=figures
        )
    return Finding("folder", "ok", f"{shown} ({where})", figures=figures)


def _mode(home: Path) -> Finding:
    if not home.exists():
        return Finding("privacy", "ok", "it will be made for you alone")
    status = home.stat()
    mode = stat.S_IMODE(status.st_mode)
    figures = {"mode": f"{mode:04o}"}
    if status.st_uid != os.getuid():
        return Finding(
            "privacy",
            "warning",
            f"it belongs to user {status.st_uid}, not to {_user()}",
            "Use a home of your own, or be certain that both of you mean this one",
            figures,
        )
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding(
            "privacy",
            "warning",
            f"other users of this machine may look into it (mode {mode:04o})",
            f"`chmod 700 {plain(home)}`",
            figures,
        )
    return Finding("privacy", "ok", f"for you alone (mode {mode:04o})", figures=figures)


def _space(above: Path) -> Finding:
    usage = shutil.disk_usage(above)
    inodes = os.statvfs(above)
    figures = {"free_bytes": usage.free, "total_bytes": usage.total, "free_files": inodes.f_favail}
    text = f"{size(usage.free)} of {size(usage.total)} free"
    if usage.free < _LITTLE_BYTES:
        return Finding(
            "space",
            "failed" if usage.free < _NOTHING_BYTES else "warning",
            text,
            "`heimdall-console runs prune --all --keep-best 1 --keep-last 1` removes old "
            "checkpoints, after a question",
            figures,
        )
    # Some file systems have no fixed number of files and say 0 of 0.
    if inodes.f_files and inodes.f_favail < _FEW_FILES:
        return Finding(
            "space",
            "warning",
            f"{text}, but room for {count(inodes.f_favail)} more files only",
            "Remove what has many small files",
            figures,
        )
    return Finding("space", "ok", text, figures=figures)


def _file_system(above: Path) -> Finding:
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return Finding("file system", "skipped", f"not known: {error.strerror}")
    kind = file_system_of(above.resolve(), mounts)
    figures = {"type": kind}
    if kind in _REMOTE:
        return Finding(
            "file system",
            "warning",
            f"{kind}, over the network: a silent server holds up training, and who is alive is "
            "known on the same machine only",
            "Set HEIMDALL_HOME to a local disk where there is one",
            figures,
        )
    if kind in ("tmpfs", "ramfs"):
        return Finding(
            "file system",
            "warning",
            f"{kind}: what lies there is gone after a restart",
            "Set HEIMDALL_HOME to a disk",
            figures,
        )
    return Finding("file system", "ok", plain(kind) or "unknown", figures=figures)


def _writing(home: Path) -> Finding:
    path = home / f".doctor-{secrets.token_hex(4)}"
    began = time.monotonic()
    try:
        write_atomic(path, b"whole\n")
        is_whole = path.read_bytes() == b"whole\n"
    except OSError as error:
        return Finding(
            "writing",
            "failed",
            f"a file could not be written: {error.strerror or error}",
            "Make the home writable or free some space",
        )
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    took = time.monotonic() - began
    figures = {"took_s": took}
    if not is_whole:
        return Finding(
            "writing",
            "failed",
            "a file did not hold what was written",
            "Look at the disk: it is not to be trusted",
            figures,
        )
    text = f"a file is safely on the disk after {max(1, round(1000 * took))} ms"
    if took > _SLOW_WRITE_S:
        return Finding(
            "writing",
            "warning",
            text,
            "Checkpoints will wait for this disk: set HEIMDALL_HOME to a faster one",
            figures,
        )
    return Finding("writing", "ok", text, figures=figures)


def _locking(home: Path) -> Finding:
    """Whether another process sees a lock that this one holds."""
    path = home / f".doctor-{secrets.token_hex(4)}.lock"
    advice = "Set HEIMDALL_HOME to a local disk: without locks a living run looks crashed"
    try:
        lock = WorkerLock(path)
    except (OSError, HeimdallError) as error:
        return Finding("locks", "failed", f"a lock could not be taken: {plain(error)}", advice)
    try:
        seen = subprocess.run(
            [sys.executable, "-c", _LOOK_AT_LOCK, str(path)],
            capture_output=True,
            text=True,
            timeout=_LOCK_S,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("locks", "failed", f"nobody could look at a lock: {plain(error)}", advice)
    finally:
        lock.release()
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    if seen != "True":
        return Finding("locks", "failed", "other processes do not see a lock", advice)
    return Finding("locks", "ok", "other processes see them")


def _credentials(home: Path) -> Finding:
    try:
        sources = credential_sources(home)
    except HeimdallError as error:
        return Finding("credentials", "failed", f"{error.what}: {error.why}", error.action)
    if not sources:
        return Finding("credentials", "ok", "none are set; the embedded servers need none")
    text = "; ".join(f"{name} from {plain(source)}" for name, source in sources.items())
    return Finding("credentials", "ok", text, figures=dict(sources))


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
