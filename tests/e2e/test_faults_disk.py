"""Disks that are full, broken, read-only, taken or not ours: 4xx, never a false 250, and a clear refusal to start."""
from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import StartRelay, StartUpstream
from support.deadline import until
from support.disks import LoopDisk, why_not
from support.load import Load, count_copies, missing
from support.messages import compose, small
from support.relay import Relay
from support.wire import Wire

needs_disks = pytest.mark.skipif(why_not() != "", reason=why_not())
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a folder away")


def _submit(relay: Relay, body: bytes = b"hello") -> str:
    """The reply that ended the transaction, wherever that was."""
    message = small(body=body)
    with Wire(relay.port) as client:
        client.ehlo()
        for line in (f"MAIL FROM:<{message.sender}>", f"RCPT TO:<{message.recipient}>", "DATA"):
            reply = client.command(line)
            if not reply.startswith(("250", "354")):
                return reply
        client.send(message.content + b".\r\n")
        return client.reply()


# --- full ------------------------------------------------------------------------------------------------------------
@needs_disks
@pytest.mark.parametrize("min_free", ["1MiB", "1KiB"], ids=["below_min_free", "really_full"])
def test_a_full_disk_is_answered_452_and_the_service_returns(start_relay: StartRelay, start_upstream: StartUpstream,
                                                             min_free: str) -> None:
    upstream = start_upstream()
    with LoopDisk(256) as disk:
        spool = disk.mounted / "spool"
        relay = start_relay({"only": upstream}, {"spool": {"min_free": min_free}}, spool=spool)
        assert _submit(relay).startswith("250")
        upstream.wait_messages(1)
        process = relay.pid
        filler = disk.fill()

        def refused() -> str:
            # What was allocated before the disk filled up may still take a few.
            reply = _submit(relay, b"x" * 70 + (b"\r\n" + b"x" * 70) * 3000)
            assert reply.startswith(("250", "452")), reply
            return reply if reply.startswith("452") else ""

        assert "4.3.1" in until("452 on the full disk", refused, 30)
        assert relay.running and relay.pid == process
        filler.unlink()
        until("service after space was freed", lambda: _submit(relay).startswith("250"), 20)
        accepted = len(relay.events("accepted"))
        upstream.wait_messages(accepted, 15)
        relay.stop()


@needs_disks
def test_mail_under_load_on_a_disk_that_fills_up_is_not_lost(start_relay: StartRelay,
                                                             start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    with LoopDisk(128) as disk:
        relay = start_relay({"only": upstream}, {"spool": {"min_free": "1KiB"}},
                            upstream_keys={"recovery": ["250ms"]}, spool=disk.mounted / "spool")
        load = Load(10, sizes=(1, 200, 8000))
        load.start(relay.port)
        load.wait_acknowledged(50)
        filler = disk.fill()
        until("a refusal", lambda: any(reply.startswith("452") for reply in load.refused), 30)
        filler.unlink()
        load.wait_acknowledged(len(load.acknowledged) + 50, 30)
        load.join()
        until("all acknowledged messages arrive", lambda: not missing(load.acknowledged, upstream), 30)
        assert set(reply[:3] for reply in load.refused) <= {"452", "451", "421"}, load.refused
        relay.stop()
        count_copies(load, upstream)


# --- broken ----------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def failing_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = Path(__file__).resolve().parent / "support/failing_disk.c"
    library = tmp_path_factory.mktemp("preload") / "failing_disk.so"
    compiler = next(name for name in ("clang-19", "gcc", "cc", "clang") if shutil.which(name))
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True,
                   timeout=60)
    return library


@pytest.mark.parametrize(("kind", "number"), [("sync", errno.EIO), ("write", errno.EIO), ("write", errno.ENOSPC),
                                              ("write", errno.EROFS)],
                         ids=["EIO_at_sync", "EIO_at_write", "ENOSPC_at_write", "EROFS_at_write"])
def test_a_failing_disk_gets_a_4xx_and_never_a_250(start_relay: StartRelay, start_upstream: StartUpstream,
                                                   failing_disk: Path, tmp_path: Path, kind: str, number: int) -> None:
    upstream = start_upstream()
    spool, trigger = tmp_path / "spool", tmp_path / "trigger"
    relay = start_relay({"only": upstream}, spool=spool, environment={
        "LD_PRELOAD": str(failing_disk), "FAILING_DISK_FOLDER": str(spool), "FAILING_DISK_TRIGGER": str(trigger),
        "ASAN_OPTIONS": "verify_asan_link_order=0"})
    assert _submit(relay).startswith("250")
    upstream.wait_messages(1)
    trigger.write_text(f"{kind} {number}\n")
    replies = [_submit(relay) for _ in range(3)]
    large = _submit(relay, (b"x" * 70 + b"\r\n") * 20000)
    assert all(reply.startswith("4") for reply in [*replies, large]), [*replies, large]
    assert relay.running
    trigger.unlink()
    # A failed sync is final for its file (the kernel forgets): a new one, or a restart, must bring the service back.
    until("service after the disk works again", lambda: _submit(relay).startswith("250"), 20)
    arrived = upstream.wait_messages(2)
    assert len(arrived) == 2, "a message that was refused has been relayed"
    relay.stop()


@needs_disks
def test_a_disk_that_dies_under_the_spool_gets_a_4xx_and_keeps_what_was_accepted(start_relay: StartRelay,
                                                                                start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    upstream.stop()
    with LoopDisk(128) as disk:
        relay = start_relay({"only": upstream}, upstream_keys={"recovery": ["250ms"]}, spool=disk.mounted / "spool")
        assert _submit(relay).startswith("250")
        disk.cut_power()
        assert _submit(relay).startswith("4")
        if relay.running:
            relay.kill()
        disk.unmount()
        disk.mount()
        upstream.start()
        relay.start()
        assert len(upstream.wait_messages(1)) == 1
        relay.stop()


@needs_disks
def test_a_read_only_disk_is_refused_at_the_start_and_named(start_relay: StartRelay,
                                                           start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    with LoopDisk(128) as disk:
        spool = disk.mounted / "spool"
        relay = start_relay({"only": upstream}, spool=spool)
        relay.stop()
        disk.remount_read_only()
        relay.start(wait_ready=False)
        assert relay.wait_exit(5) != 0
        assert str(spool) in relay.tail() and "read-only" in relay.tail().lower()


# --- not ours --------------------------------------------------------------------------------------------------------
def test_a_second_start_on_the_same_spool_says_who_holds_it(start_relay: StartRelay,
                                                            start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    first = start_relay({"only": upstream})
    second = start_relay({"only": upstream}, spool=first.spool, wait_ready=False)
    assert second.wait_exit(5) != 0
    assert str(first.pid) in second.tail(), second.tail()
    assert str(first.spool) in second.tail(), second.tail()
    # And it has touched nothing.
    assert _submit(first).startswith("250")
    upstream.wait_messages(1)


def test_a_spool_whose_holder_was_killed_is_free_again(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    relay = start_relay({"only": start_upstream()})
    relay.kill()
    relay.start()
    assert _submit(relay).startswith("250")


def _spool_of_another(folder: Path) -> Path:
    spool = folder / "spool"
    spool.mkdir(mode=0o700)
    os.chown(spool, 12345, 12345)
    return spool


def _spool_open_to_all(folder: Path) -> Path:
    spool = folder / "spool"
    spool.mkdir()
    spool.chmod(0o777)
    return spool


def _spool_is_a_symlink(folder: Path) -> Path:
    (folder / "elsewhere").mkdir(mode=0o700)
    spool = folder / "spool"
    spool.symlink_to(folder / "elsewhere")
    return spool


def _spool_is_a_file(folder: Path) -> Path:
    spool = folder / "spool"
    spool.write_text("")
    return spool


@pytest.mark.parametrize("make", [pytest.param(_spool_of_another, marks=needs_root), _spool_open_to_all,
                                  _spool_is_a_symlink, _spool_is_a_file], ids=lambda make: make.__name__[1:])
def test_a_spool_that_is_not_safely_ours_is_refused_and_left_alone(start_relay: StartRelay,
                                                                  start_upstream: StartUpstream, tmp_path: Path,
                                                                  make: object) -> None:
    spool = make(tmp_path)  # type: ignore[operator]
    relay = start_relay({"only": start_upstream()}, spool=spool, wait_ready=False)
    assert relay.wait_exit(5) != 0
    assert str(spool) in relay.tail(), relay.tail()
    if spool.is_dir():
        assert not list(spool.iterdir()), "the refused spool was written to"


# --- damaged ---------------------------------------------------------------------------------------------------------
def _queued(start_relay: StartRelay, start_upstream: StartUpstream, count: int) -> tuple[Relay, object]:
    """A stopped relay whose spool holds so many messages, and its upstream, which is down."""
    upstream = start_upstream()
    upstream.stop()
    relay = start_relay({"only": upstream}, upstream_keys={"recovery": ["250ms"]})
    for _ in range(count):
        assert _submit(relay).startswith("250")
    os.kill(relay.pid, signal.SIGKILL)
    relay.wait_exit()
    return relay, upstream


def _largest_file(spool: Path) -> Path:
    return max((file for file in spool.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)


@pytest.mark.parametrize("damage", ["cut", "flip", "zeros", "junk"])
def test_a_damaged_spool_starts_keeps_the_rest_and_tells(start_relay: StartRelay, start_upstream: StartUpstream,
                                                         damage: str) -> None:
    relay, upstream = _queued(start_relay, start_upstream, 20)
    segment = _largest_file(relay.spool)
    octets = bytearray(segment.read_bytes())
    used = len(octets.rstrip(b"\0"))
    if damage == "cut":
        # Inside the last record: a torn tail, as after a crash, costs what was being written.
        octets = octets[:used - 20]
    elif damage == "flip":
        octets[used // 2] ^= 0x55
    elif damage == "zeros":
        octets[used // 2:used // 2 + 64] = bytes(64)
    else:
        (relay.spool / "stray-file").write_bytes(b"\xde\xad\xbe\xef" * 100)
    segment.write_bytes(octets)
    upstream.start()  # type: ignore[attr-defined]
    since = relay.position()
    relay.start()
    arrived = upstream.wait_messages(20 if damage == "junk" else 19, 15)  # type: ignore[attr-defined]
    assert len(arrived) >= 19
    if damage in ("flip", "zeros"):
        told = [line for line in relay.lines[since:] if "damage" in line.text.lower()]
        assert told, relay.tail()
    assert _submit(relay).startswith("250")


def test_an_interrupted_large_submission_leaves_nothing_behind(start_relay: StartRelay,
                                                               start_upstream: StartUpstream) -> None:
    """A content file of a message that was never finished is removed: at once, or by the next start."""
    relay = start_relay({"only": start_upstream()})
    message = compose("large", size=3_000_000)
    with Wire(relay.port) as client:
        client.ehlo()
        client.envelope(message.sender, message.recipient)
        client.expect("DATA", "354")
        client.send(message.content)
        relay.kill()
    relay.start()
    assert not list((relay.spool / "content").iterdir())
    assert not relay.events("accepted")
