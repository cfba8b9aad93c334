"""What is measured. Every run starts its relay and its sink anew and is bounded in messages and in seconds."""
import contextlib
import dataclasses
import os
import pathlib
import statistics
import tempfile
import time

import latency
import measure
import relays
from load import Sink, Source, free_port

RUN_SECONDS = 120  # no single run takes longer


@dataclasses.dataclass(frozen=True)
class Flow:
    """A stream of messages through the relay."""

    name: str
    size: int
    sessions: int
    messages: int        # for direct and posthouse
    postfix_messages: int
    reuse: bool = False

    def messages_for(self, relay):
        return self.postfix_messages if relay.startswith('postfix') else self.messages


FLOWS = [
    Flow('1 KiB, 1 session', 1024, 1, 6000, 2000),
    Flow('1 KiB, 10 sessions', 1024, 10, 20000, 3000),
    Flow('1 KiB, 50 sessions', 1024, 50, 20000, 3000),
    Flow('100 KiB, 10 sessions', 102400, 10, 3000, 1000),
    Flow('100 KiB, 50 sessions', 102400, 50, 3000, 1000),
    Flow('1 KiB, 10 reused', 1024, 10, 30000, 3000, reuse=True),
    Flow('1 KiB, 50 reused', 1024, 50, 30000, 3000, reuse=True),
    Flow('100 KiB, 10 reused', 102400, 10, 3000, 1000, reuse=True),
]
WARM_UP = 200  # messages before the clock starts: processes forked, caches filled


class Place:
    """Where relays live while they are measured: a folder on disk that other users may enter (Postfix does)."""

    def __init__(self, base, posthouse):
        self.base = base
        self.posthouse = posthouse

    @contextlib.contextmanager
    def relay(self, kind, sink_port, run_by=None):
        """`run_by`: makes the command that starts the relay into one that watches it."""
        with tempfile.TemporaryDirectory(prefix='posthouse-bench-', dir=self.base) as folder:
            os.chmod(folder, 0o755)
            extra = self.posthouse if kind is relays.Posthouse else {}
            relay = kind(pathlib.Path(folder) / 'relay', free_port(), sink_port, **extra)
            relay.folder_of_run = folder
            relay.start(run_by or (lambda *program: list(program)))
            try:
                yield relay
            finally:
                relay.stop()

    @contextlib.contextmanager
    def sink(self, port=None):
        with tempfile.TemporaryDirectory(prefix='posthouse-sink-', dir='/dev/shm') as folder:
            sink = Sink(folder, port or free_port()).start()
            try:
                yield sink
            finally:
                sink.stop()


def run_flow(place, kind, flow, factor):
    """One timed run: {'rate', 'accepted_rate', 'cpu'} with rates per second and CPU seconds per 1000 messages."""
    messages = max(200, int(flow.messages_for(kind.name) * factor))
    with place.sink() as sink, place.relay(kind, sink.port) as relay:
        Source(relay.port, WARM_UP, min(flow.sessions, 50), flow.size, flow.reuse).wait(RUN_SECONDS)
        if sink.wait(WARM_UP, RUN_SECONDS) is None:
            raise RuntimeError(f'{kind.name}: the warm-up did not arrive')
        cpu = relay.cpu_seconds()
        source = Source(relay.port, messages, flow.sessions, flow.size, flow.reuse)
        accepted = source.wait(RUN_SECONDS)
        last = sink.wait(WARM_UP + messages, RUN_SECONDS)
        if last is None:
            raise RuntimeError(f'{kind.name}: {sink.count() - WARM_UP} of {messages} messages arrived in time')
        return {'rate': messages / (last - source.began), 'accepted_rate': messages / accepted,
                'cpu': (relay.cpu_seconds() - cpu) / messages * 1000, 'messages': messages}


def run_memory(place, kind, flow, factor):
    """Peak PSS in MiB and the most processes at once, in a run of its own."""
    messages = max(200, int(flow.messages_for(kind.name) * factor))
    with place.sink() as sink, place.relay(kind, sink.port) as relay:
        with measure.MemoryWatch(relay.pid) as watch:
            Source(relay.port, messages, flow.sessions, flow.size, flow.reuse).wait(RUN_SECONDS)
            sink.wait(messages, RUN_SECONDS)
        return {'pss_mib': watch.peak_kib / 1024, 'processes': watch.peak_processes}


def run_syncs(place, kind, flow, factor):
    """fsync and fdatasync per message, seen by strace, from the relay's start to its end."""
    messages = max(200, int(min(5000, flow.messages_for(kind.name)) * factor))
    with tempfile.TemporaryDirectory(prefix='posthouse-syncs-') as folder:
        count = measure.SyncCount(folder)
        with place.sink() as sink, place.relay(kind, sink.port, count.command) as relay:
            Source(relay.port, messages, flow.sessions, flow.size, flow.reuse).wait(RUN_SECONDS)
            sink.wait(messages, RUN_SECONDS)
        return {'syncs': count.read() / messages}


def run_backlog(place, kind, messages):
    """The upstream is down while messages come in, then it comes up."""
    port = free_port()
    with place.relay(kind, port) as relay:
        with measure.MemoryWatch(relay.pid) as watch:
            before, _ = measure.disk_bytes(relay.spool)
            accepted = Source(relay.port, messages, 50, 1024).wait(10 * RUN_SECONDS)
            allocated, files = measure.disk_bytes(relay.spool)
            with place.sink(port) as sink:
                up = time.monotonic()
                relay.flush()
                first = sink.wait(1, RUN_SECONDS)
                cpu = relay.cpu_seconds()
                last = sink.wait(messages, 10 * RUN_SECONDS)
                if last is None:
                    raise RuntimeError(f'{kind.name}: {sink.count()} of {messages} messages arrived')
                cpu = relay.cpu_seconds() - cpu
    return {'accepted_rate': messages / accepted, 'disk_kib': (allocated - before) / messages / 1024, 'files': files,
            'first': first - up, 'rate': messages / (last - first), 'cpu': cpu / messages * 1000,
            'pss_mib': watch.peak_kib / 1024, 'messages': messages}


def run_latency(place, kind, messages):
    """Milliseconds, p50 and p99, of one message at a time."""
    port = free_port()
    sink = latency.StampingSink(port)
    try:
        with place.relay(kind, port) as relay:
            latency.measure(relay.port, sink, 50)
            accepted, relayed, whole = latency.measure(relay.port, sink, messages)
            sync = measure.fdatasync_p50(relay.folder_of_run)
    finally:
        sink.stop()
    result = {'fdatasync_p50': sync * 1000, 'messages': messages}
    for name, seconds in (('accepted', accepted), ('relayed', relayed), ('whole', whole)):
        ordered = sorted(seconds)
        result[f'{name}_p50'] = statistics.median(ordered) * 1000
        result[f'{name}_p99'] = ordered[int(len(ordered) * 0.99)] * 1000
    return result
