"""What a run cost: CPU, memory, syncs and disk of a tree of processes."""
import os
import pathlib
import re
import subprocess
import threading
import time

CPUACCT = pathlib.Path('/sys/fs/cgroup/cpuacct')  # cgroup v1
UNIFIED = pathlib.Path('/sys/fs/cgroup')          # cgroup v2, if it has a cpu.stat
TICKS = os.sysconf('SC_CLK_TCK')


class CpuAccount:
    """User + system seconds of everything started inside it, also of processes that have long ended.

    By cgroup where there is one to be had (as root); else summed over /proc, where a relay that replaces its
    processes is seen a little late. `kind` says which.
    """

    def __init__(self, name):
        self.folder = None
        self.kind = 'proc'
        self.root_pid = None
        for base, kind in ((CPUACCT, 'cgroup v1'), (UNIFIED, 'cgroup v2')):
            if (base / 'cgroup.procs').exists():
                folder = base / f'posthouse-bench-{os.getpid()}-{name}'
                try:
                    folder.mkdir()
                except OSError:
                    continue
                if (folder / 'cpuacct.usage').exists() or (folder / 'cpu.stat').exists():
                    self.folder = folder
                    self.kind = kind
                    break
                folder.rmdir()

    def enter(self):
        """To be called in the child, between fork and exec."""
        if self.folder:
            (self.folder / 'cgroup.procs').write_text(str(os.getpid()))

    def seconds(self):
        if self.kind == 'cgroup v1':
            return int((self.folder / 'cpuacct.usage').read_text()) / 1e9
        if self.kind == 'cgroup v2':
            return int(re.search(r'usage_usec (\d+)', (self.folder / 'cpu.stat').read_text())[1]) / 1e6
        return sum(_proc_seconds(pid) for pid in tree(self.root_pid))

    def close(self):
        if self.folder:
            for _ in range(100):  # until the kernel has let go of the last process
                try:
                    self.folder.rmdir()
                    return
                except OSError:
                    time.sleep(0.02)


def _stat(pid):
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    except OSError:
        return None


def is_alive(pid):
    fields = _stat(pid)
    return fields is not None and fields[0] != 'Z'


def _proc_seconds(pid):
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:15]) / TICKS if fields else 0.0  # own and waited-for children


def tree(root):
    """The process ids of root and all its descendants."""
    children = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            fields = _stat(entry)
            if fields:
                children.setdefault(int(fields[1]), []).append(int(entry))
    found = []
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        if _stat(pid):
            found.append(pid)
        waiting += children.get(pid, [])
    return found


def pss_kib(pids):
    """Proportional set size: shared pages count by their share."""
    total = 0
    for pid in pids:
        try:
            total += int(re.search(r'^Pss:\s+(\d+)', pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text(), re.M)[1])
        except (OSError, TypeError):
            pass  # it ended meanwhile
    return total


class MemoryWatch:
    """Peak of the summed PSS of a process tree, looked at four times a second."""

    def __init__(self, root):
        self.root = root
        self.peak_kib = 0
        self.peak_processes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        while True:
            pids = tree(self.root)
            self.peak_kib = max(self.peak_kib, pss_kib(pids))
            self.peak_processes = max(self.peak_processes, len(pids))
            if self._stop.wait(0.25):
                return


class SyncCount:
    """fsync and fdatasync calls of a relay that is started by `command`.

    strace stops it at these calls alone (--seccomp-bpf, hence from its start on): traced call by call a relay is so slow
    that groups of messages that would share a sync no longer meet.
    """

    def __init__(self, folder):
        self._output = pathlib.Path(folder) / 'strace.out'

    def command(self, *program):
        return ['strace', '-D', '-f', '--seccomp-bpf', '-qq', '-e', 'trace=fsync,fdatasync,sync_file_range,msync',
                '-e', 'signal=none', '-o', str(self._output), *program]

    def read(self):
        """To be asked when the relay has ended."""
        lines = self._output.read_text().splitlines()
        return sum('sync(' in line and 'resumed' not in line for line in lines)


def disk_bytes(folder):
    """(bytes allocated, files) below a folder."""
    allocated = files = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                allocated += os.lstat(os.path.join(path, name)).st_blocks * 512
                files += 1
            except OSError:
                pass
    return allocated, files


def fdatasync_p50(folder, rounds=300):
    """Median seconds of appending 4 KiB and fdatasync on the disk under this folder."""
    path = pathlib.Path(folder) / 'fdatasync-probe'
    times = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for _ in range(rounds):
            began = time.perf_counter()
            os.write(descriptor, b'x' * 4096)
            os.fdatasync(descriptor)
            times.append(time.perf_counter() - began)
    finally:
        os.close(descriptor)
        path.unlink()
    return sorted(times)[rounds // 2]
