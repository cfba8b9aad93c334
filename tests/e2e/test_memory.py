"""Memory as the kernel counts it: small when idle, bounded under many large messages, and a million in the queue."""
from __future__ import annotations

import os
import re
import subprocess
import threading
import time

import pytest
from conftest import StartRelay, StartUpstream
from support.deadline import port_accepts, until
from support.messages import compose
from support.ports import free_port
from support.relay import BINARY
from support.wire import Wire

MIB = 1024      # KiB, the unit of /proc
QUEUED = int(os.environ.get("POSTHOUSE_QUEUED", "1000000"))


def _instrumented() -> bool:
    return re.search(rb"__asan_init|__tsan_init", BINARY.read_bytes()) is not None


pytestmark = pytest.mark.skipif(_instrumented(), reason="the figures are those of a build without sanitizers")


def test_an_idle_relay_takes_at_most_12_mib(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    relay = start_relay({"only": start_upstream(tls="starttls", login="shop", password="Upstream-Secret-77")})
    resident = relay.status("VmRSS")
    print(f"idle: {resident} KiB resident, {relay.status('RssAnon')} of its own, {relay.status('RssFile')} of files")
    assert resident <= 12 * MIB


def test_100_concurrent_submissions_of_25_mb_take_at_most_64_mib(start_relay: StartRelay,
                                                                request: pytest.FixtureRequest) -> None:
    """All 100 are in DATA at the same time: no one ends before every one has begun. They are relayed meanwhile."""
    port = free_port()
    sink = subprocess.Popen(["/usr/sbin/smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "100"])
    request.addfinalizer(sink.kill)
    port_accepts(port)
    relay = start_relay({"only": {"host": "localhost", "hosts": ["127.0.0.1"], "port": port, "tls": "none",
                                  "connections": 4}})
    message = compose("large")
    clients = []
    for _ in range(100):
        client = Wire(relay.port, timeout=120)
        client.ehlo()
        client.envelope(message.sender, message.recipient)
        client.expect("DATA", "354")
        clients.append(client)
    half = len(message.content) // 2
    accepted: list[str] = []

    def feed(mine: list[Wire]) -> None:
        for client in mine:
            client.send(message.content[:half])
        barrier.wait(300)
        for client in mine:
            client.send(message.content[half:] + b".\r\n")
            accepted.append(client.reply())
            client.close()

    barrier = threading.Barrier(10)
    feeders = [threading.Thread(target=feed, args=(clients[n::10],)) for n in range(10)]
    for feeder in feeders:
        feeder.start()
    for feeder in feeders:
        feeder.join(300)
    assert [reply[:3] for reply in accepted] == ["250"] * 100
    relay.wait("delivered", 100, 120)
    peak = relay.status("VmHWM")
    print(f"100 x 25 MB: {peak} KiB resident at most")
    assert peak <= 64 * MIB


@pytest.mark.slow
def test_a_million_queued_messages_take_at_most_256_mib_and_start_in_10_seconds(start_relay: StartRelay,
                                                                               start_upstream: StartUpstream) -> None:
    upstream = start_upstream(keep_content=False)
    upstream.stop()
    relay = start_relay({"only": upstream}, {"log": {"level": "error"}, "spool": {"max_size": "40GiB"}},
                        upstream_keys={"recovery": ["1h"]}, wait_ready=False)
    until("the listener", lambda: _accepts(relay.port))
    subprocess.run(["/usr/sbin/smtp-source", "-s", "20", "-d", "-l", "1024", "-m", str(QUEUED), "-f", "a@shop.test",
                    "-t", "b@a.test", f"127.0.0.1:{relay.port}"], check=True, timeout=1800)
    resident, peak = relay.status("VmRSS"), relay.status("VmHWM")
    on_disk = sum(file.stat().st_blocks * 512 for file in relay.spool.rglob("*") if file.is_file())
    print(f"{QUEUED} queued: {resident} KiB resident, {peak} KiB at most, {on_disk // QUEUED} octets of disk each")
    assert peak <= 256 * MIB
    relay.stop(60)
    began = time.monotonic()
    relay.start(wait_ready=False)
    until("the listener after the restart", lambda: _accepts(relay.port), 60)
    took = time.monotonic() - began
    peak = relay.status("VmHWM")
    print(f"restart with {QUEUED}: ready after {took:.2f} s, {peak} KiB resident at most")
    assert took <= 10.0
    assert peak <= 256 * MIB
    relay.kill()


def _accepts(port: int) -> bool:
    try:
        with Wire(port) as client:
            return client.greeting.startswith("220")
    except (OSError, AssertionError):
        return False
