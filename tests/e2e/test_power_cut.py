"""A power cut under load: ext4 in a loop device is shut down without flushing, so all that was not synced is gone.

What was acknowledged before the cut began is promised. What is acknowledged later is not: a process that lives on
after its power has gone does not exist outside this test, and an fdatasync() that the shutdown catches half-way may
return success although nothing reached the disk (seen with a program of ten lines on Linux 6.18, in one cut of 15).

POSTHOUSE_CUT_ROUNDS sets the number of rounds (default 30).
"""
from __future__ import annotations

import os
import random

import pytest
from conftest import StartRelay, StartUpstream
from support.deadline import Deadline, let_pass, until
from support.disks import LoopDisk, why_not
from support.load import Load, count_copies, missing

ROUNDS = int(os.environ.get("POSTHOUSE_CUT_ROUNDS", "30"))
SEED = int(os.environ.get("POSTHOUSE_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
LONGEST = 120.0

pytestmark = pytest.mark.skipif(why_not() != "", reason=why_not())


def test_a_power_cut_under_load_loses_nothing(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    moments = random.Random(SEED)
    upstream = start_upstream()
    with LoopDisk(512) as disk:
        spool = disk.mounted / "spool"
        relay = start_relay({"only": upstream}, upstream_keys={"connections": 5, "recovery": ["1s"]}, spool=spool)
        # The larger ones get files of their own, whose directory entries must survive too.
        load = Load(20, sizes=(1, 1, 1, 1, 200, 8000))
        deadline = Deadline(LONGEST)
        cuts = 0
        promised: set[bytes] = set()
        too_late: set[bytes] = set()
        while cuts < ROUNDS and not deadline.passed():
            load.start(relay.port)
            let_pass(moments.uniform(0.02, 0.4))
            promised = load.acknowledged_so_far() - too_late
            disk.cut_power()
            if relay.running:
                relay.kill()
            load.join()
            too_late |= load.acknowledged_so_far() - promised
            disk.unmount()
            disk.mount()
            cuts += 1
            relay.start()
        assert promised
        until(f"all {len(promised)} promised messages arrive", lambda: not missing(promised, upstream), 60)
        relay.stop()
        copies = count_copies(load, upstream)
        print(f"seed {SEED}: {cuts} power cuts, {len(promised)} promised, 0 lost, "
              f"{sum(copies.values()) - len(copies)} extra copies")
