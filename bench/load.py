"""The generator and the sink: smtp-source and smtp-sink of Debian's postfix package."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Sink:
    """smtp-sink, which counts; `count()` is what has arrived since the start."""

    def __init__(self, folder, port):
        self.port = port
        self.output = pathlib.Path(folder) / f'sink-{port}.out'
        self.process = None

    def start(self):
        with self.output.open('wb') as output:
            self.process = subprocess.Popen(
                ['smtp-sink', '-u', 'nobody', '-c', '-m', '1000', f'127.0.0.1:{self.port}', '1000'],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                socket.create_connection(('127.0.0.1', self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.01)
        raise RuntimeError(f'smtp-sink does not listen on port {self.port}: {self.output.read_text()}')

    def count(self):
        with self.output.open('rb') as output:
            output.seek(max(0, os.fstat(output.fileno()).st_size - 200))
            found = re.findall(rb'mesg=(\d+)\r', output.read())
        return int(found[-1]) if found else 0

    def wait(self, messages, seconds):
        """The moment by which so many had arrived, or None after this time."""
        end = time.monotonic() + seconds
        while True:
            now = time.monotonic()
            if self.count() >= messages:
                return now
            if now > end:
                return None
            time.sleep(0.004)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=10)


class Source:
    """One run of smtp-source."""

    def __init__(self, port, messages, sessions, size, reuse=False):
        options = ['-d'] if reuse else []
        self.command = ['smtp-source', '-4', *options, '-s', str(sessions), '-m', str(messages), '-l', str(size),
                        '-f', 'sender@bench.example', '-t', 'recipient@bench.example', '-N', f'127.0.0.1:{port}']
        self.began = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)

    def wait(self, seconds):
        """Seconds until every message was accepted."""
        try:
            _, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise RuntimeError(f'smtp-source did not end within {seconds} s') from None
        if self.process.returncode != 0:
            raise RuntimeError(f'smtp-source: {errors.strip()}')
        return time.monotonic() - self.began


def missing_programs():
    return [name for name in ('smtp-source', 'smtp-sink', 'postfix', 'strace') if not shutil.which(name)]
