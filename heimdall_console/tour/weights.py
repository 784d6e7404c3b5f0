"""A checkpoint that names the dataset where it lies in another home."""

import io
import re
import struct
import zipfile

_BLOCK = 64


def with_other_home(checkpoint: bytes, old: str, new: str) -> bytes:
    """A checkpoint whose texts begin with another folder; its tensors are as they were.

    A checkpoint is a zip archive, and its texts stand in one pickle, each behind its length.
    Nothing is unpickled for it.

    Args:
        checkpoint: Content of the file.
        old: Beginning of the texts that change.
        new: What they begin with instead.
    """
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(checkpoint)) as source,
        zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as target,
    ):
        for info in source.infolist():
            content = source.read(info)
            if info.filename.endswith("/data.pkl"):
                content = _replaced(content, old.encode(), new.encode())
            # Without times and host, the same recording is the same file.
            entry = zipfile.ZipInfo(info.filename)
            # Tensors begin at round addresses, as torch writes them.
            header = 30 + len(info.filename.encode())
            entry.extra = _padding(written.tell() + header)
            target.writestr(entry, content)
    return written.getvalue()


def _replaced(pickle: bytes, old: bytes, new: bytes) -> bytes:
    """Texts of a pickle: X, four bytes of length, UTF-8."""

    def other(match: "re.Match[bytes]") -> bytes:
        length = struct.unpack("<I", match[1])[0]
        rest = pickle[match.end() : match.start() + 5 + length]
        return b"X" + struct.pack("<I", len(new) + len(rest)) + new

    return re.sub(b"X(....)" + re.escape(old), other, pickle, flags=re.DOTALL)


def _padding(position: int) -> bytes:
    """An extra field of a zip header that moves what follows to the next round address."""
    missing = -(position + 4) % _BLOCK
    return b"FB" + struct.pack("<H", missing) + b"Z" * missing
