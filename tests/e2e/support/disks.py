"""Small file systems of our own, for full disks, broken disks and power cuts. They need root and a loop device."""
from __future__ import annotations

import fcntl
import functools
import os
import struct
import subprocess
import tempfile
from pathlib import Path

from .deadline import until

# linux/ext4: shut the file system down at once; NOLOGFLUSH drops what the journal has not written, as a power cut does.
_FS_IOC_SHUTDOWN = 0x8004587D
_NOLOGFLUSH = 2


@functools.cache
def why_not() -> str:
    """Why mounting cannot work here; "" if it can."""
    if os.geteuid() != 0:
        return "needs root to mount a file system"
    if not Path("/dev/loop-control").exists():
        return "needs /dev/loop-control"
    try:
        with LoopDisk(8):
            return ""
    except (AssertionError, FileNotFoundError) as reason:
        return f"cannot mount a loop device: {reason}"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"


class LoopDisk:
    """An ext4 in a file, mounted while it is entered."""

    def __init__(self, mebibytes: int, options: str = "") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="disk-"))
        self._image = self._folder / "image"
        self.mounted = self._folder / "mounted"
        self._size = mebibytes
        self._options = options

    def __enter__(self) -> LoopDisk:
        self.mounted.mkdir()
        with open(self._image, "wb") as image:
            image.truncate(self._size << 20)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^resize_inode", str(self._image))
        self.mount()
        return self

    def __exit__(self, *_: object) -> None:
        if os.path.ismount(self.mounted):
            # Lazily: a test that failed may have left a relay on it, and its failure is what shall be told.
            _run("umount", "--lazy", str(self.mounted))
        self._image.unlink()
        self.mounted.rmdir()
        self._folder.rmdir()

    def mount(self, options: str = "") -> None:
        chosen = ",".join(part for part in ("loop", self._options, options) if part)
        _run("mount", "-o", chosen, str(self._image), str(self.mounted))

    def unmount(self) -> None:
        def gone() -> bool:
            return subprocess.run(["umount", str(self.mounted)], capture_output=True).returncode == 0
        until("the disk can be unmounted", gone, 10)

    def cut_power(self) -> None:
        """From this instant nothing more reaches the disk; what was not synced is lost."""
        directory = os.open(self.mounted, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(directory, _FS_IOC_SHUTDOWN, struct.pack("I", _NOLOGFLUSH))
        finally:
            os.close(directory)

    def remount_read_only(self) -> None:
        _run("mount", "-o", "remount,ro", str(self.mounted))

    def fill(self, leave_kibibytes: int = 0) -> Path:
        """A file that takes all free space but so much."""
        filler = self.mounted / "filler"
        figures = os.statvfs(self.mounted)
        octets = figures.f_bavail * figures.f_frsize - (leave_kibibytes << 10)
        with open(filler, "wb") as file:
            # Some blocks go to the file's own bookkeeping: take what is there, in ever smaller pieces.
            step = 1 << 20
            while octets > 0 and step >= 4096:
                try:
                    os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), min(step, max(octets, 4096)))
                    octets -= step
                    file.seek(0, os.SEEK_END)
                except OSError:
                    step //= 2
        return filler
