"""kill -9 at random moments under load: what got its 250 arrives, whole; copies are counted and few.

POSTHOUSE_CRASH_ROUNDS sets the number of rounds (default 50), POSTHOUSE_CRASH_SEED the moments.
"""
from __future__ import annotations

import os
import random

from conftest import StartRelay, StartUpstream
from support.deadline import Deadline, let_pass, until
from support.load import Load, count_copies, missing
from support.relay import Relay
from support.upstream import Close, Say, SayAndClose, ScriptedUpstream

ROUNDS = int(os.environ.get("POSTHOUSE_CRASH_ROUNDS", "50"))
SEED = int(os.environ.get("POSTHOUSE_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
CONNECTIONS = 5
LONGEST = 120.0     # seconds for all rounds of a test


def _crash_rounds(relay: Relay, load: Load, rounds: int, longest: float = LONGEST) -> int:
    """Kills and restarts until the rounds or the time are used up; gives the number of kills."""
    moments = random.Random(SEED)
    deadline = Deadline(longest)
    for done in range(rounds):
        if deadline.passed():
            return done
        load.start(relay.port)
        let_pass(moments.uniform(0.02, 0.4))
        relay.kill()
        load.join()
        relay.start()
    return rounds


def _assert_nothing_lost(load: Load, upstream: ScriptedUpstream) -> None:
    assert load.acknowledged
    until(f"all {len(load.acknowledged)} acknowledged messages arrive", lambda: not missing(load.acknowledged, upstream), 60)


def test_kill_9_under_load_loses_nothing(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    relay = start_relay({"only": upstream}, upstream_keys={"connections": CONNECTIONS, "recovery": ["1s"]})
    load = Load(20)
    kills = _crash_rounds(relay, load, ROUNDS)
    _assert_nothing_lost(load, upstream)
    relay.stop()
    copies = count_copies(load, upstream)
    extra = sum(copies.values()) - len(copies)
    unacknowledged = len(set(copies) - set(load.acknowledged))
    print(f"seed {SEED}: {kills} kills, {len(load.acknowledged)} acknowledged, 0 lost, {extra} extra copies "
          f"(at most {CONNECTIONS} in flight at each kill), {unacknowledged} arrived whose 250 was lost")
    assert extra <= kills * CONNECTIONS


def test_kill_9_while_the_upstream_fails_loses_nothing(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    dice = random.Random(SEED)
    upstream.on("rcpt", Say("450 4.2.1 busy"), when=lambda _: dice.random() < 0.15)
    upstream.on("content", Say("451 4.3.0 try again"), when=lambda _: dice.random() < 0.15)
    upstream.on("content", Close(keep=False), when=lambda _: dice.random() < 0.05)
    upstream.on("mail", SayAndClose("421 4.3.2 restarting"), when=lambda _: dice.random() < 0.05)
    upstream.on("connect", Say("421 4.3.2 busy"), when=lambda _: dice.random() < 0.05)
    relay = start_relay({"only": upstream}, upstream_keys={"connections": CONNECTIONS, "recovery": ["250ms"]})
    load = Load(20)
    kills = _crash_rounds(relay, load, max(1, ROUNDS // 2), LONGEST / 2)
    upstream.heal()
    _assert_nothing_lost(load, upstream)
    relay.stop()
    copies = count_copies(load, upstream)
    extra = sum(copies.values()) - len(copies)
    print(f"seed {SEED}: {kills} kills, {len(load.acknowledged)} acknowledged, 0 lost, {extra} extra copies")
    assert extra <= kills * CONNECTIONS


def test_sigterm_under_load_ends_in_seconds_and_duplicates_nothing(start_relay: StartRelay,
                                                                   start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    relay = start_relay({"only": upstream}, upstream_keys={"connections": CONNECTIONS})
    load = Load(20)
    for _ in range(5):
        enough = len(load.acknowledged) + 100
        load.start(relay.port)
        load.wait_acknowledged(enough)
        relay.stop(seconds=10)
        load.join()
        relay.start()
    _assert_nothing_lost(load, upstream)
    relay.stop()
    assert max(count_copies(load, upstream).values()) == 1


def test_a_crash_during_recovery_loses_nothing(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    upstream.stop()
    relay = start_relay({"only": upstream}, upstream_keys={"connections": CONNECTIONS, "recovery": ["250ms"]})
    load = Load(20)
    load.start(relay.port)
    load.wait_acknowledged(500)
    relay.kill()
    load.join()
    moments = random.Random(SEED)
    for _ in range(20):
        relay.start(wait_ready=False)
        let_pass(moments.uniform(0.0, 0.05))
        relay.kill()
    upstream.start()
    relay.start()
    _assert_nothing_lost(load, upstream)
    relay.stop()
    count_copies(load, upstream)
