"""Fixtures: what is shared by the session (certificates, peers), and relays and upstreams that end with their test."""
from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from support.aiosmtpd_upstream import AiosmtpdUpstream  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.clients import NODE_MODULES  # noqa: E402
from support.listener import PASSWORD as USER_PASSWORD  # noqa: E402
from support.listener import USER, Listener  # noqa: E402
from support.messages import assert_unchanged, small  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.postfix import Postfix  # noqa: E402
from support.relay import (  # noqa: E402
    BINARY,
    REPOSITORY,
    Relay,
    Settings,
    upstream_settings,
    write_users,
)
from support.upstream import ScriptedUpstream  # noqa: E402

LOGIN, PASSWORD = "shop", "Upstream-Secret-77"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("POSTHOUSE_SLOW") == "1":
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: set POSTHOUSE_SLOW=1"))


def pytest_sessionstart(session: pytest.Session) -> None:
    if not BINARY.exists():
        pytest.exit(f"no relay at {BINARY}: build it (scripts/build release) or set POSTHOUSE_BINARY", returncode=4)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def postfix(certificates: Certificates) -> Iterator[Postfix]:
    server = Postfix(certificates.server, LOGIN, PASSWORD)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def aiosmtpd(certificates: Certificates) -> Iterator[AiosmtpdUpstream]:
    server = AiosmtpdUpstream(certificates.server, LOGIN, PASSWORD).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def node_modules() -> Path:
    if not (NODE_MODULES / "nodemailer").is_dir():
        subprocess.run([str(REPOSITORY / "scripts/install-node-modules")], check=True, timeout=120)
    return NODE_MODULES


StartRelay = Callable[..., Relay]
StartUpstream = Callable[..., ScriptedUpstream]


@pytest.fixture
def start_upstream(certificates: Certificates) -> Iterator[StartUpstream]:
    """start_upstream(**keywords of ScriptedUpstream): in clear and without login unless told."""
    started: list[ScriptedUpstream] = []

    def start(**keywords: Any) -> ScriptedUpstream:
        if keywords.get("tls", "none") != "none":
            keywords.setdefault("certificate", certificates.server)
        server = ScriptedUpstream(**keywords).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()
        assert not server.smuggled, server.smuggled


@pytest.fixture
def start_relay(certificates: Certificates) -> Iterator[StartRelay]:
    """start_relay(upstreams, **keywords): a relay to these peers; `keys` are further keys of its configuration.

    It is stopped at the end of the test as an operator would stop it, and must end well. A test that ends it itself
    is free to; its log is shown when the test fails.
    """
    started: list[Relay] = []

    def start(upstreams: dict[str, Any], keys: Settings | None = None, *, upstream_keys: Settings | None = None,
              wait_ready: bool = True, **keywords: Any) -> Relay:
        entries = {name: peer if isinstance(peer, dict)
                   else upstream_settings(peer, certificates.ca_file, **(upstream_keys or {}))
                   for name, peer in upstreams.items()}
        secrets = tuple(entry["password"] for entry in entries.values() if "password" in entry)
        relay = Relay({"upstreams": entries, **(keys or {})}, secrets=secrets + keywords.pop("secrets", ()), **keywords)
        started.append(relay)
        return relay.start(wait_ready=wait_ready)

    yield start
    try:
        for relay in started:
            if relay.running:
                relay.stop()
            else:
                relay.check_secrets()
    finally:
        for relay in started:
            print(f"--- log of {relay.folder}\n{relay.tail(200)}")
            relay.discard()


# --- one relay with every kind of listener --------------------------------------------------------------------------
@pytest.fixture(scope="session")
def _listener(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    upstream = ScriptedUpstream().start()
    users = write_users(tmp_path_factory.mktemp("users") / "users", {USER: USER_PASSWORD})
    clear, starttls, in_clear = free_port(), free_port(), free_port()
    relay = Relay({
        "listen": [{"address": f"127.0.0.1:{clear}", "tls": "none", "auth": "optional"},
                   {"address": f"127.0.0.1:{starttls}", "tls": "starttls", "auth": "required"},
                   {"address": f"127.0.0.1:{in_clear}", "tls": "none", "auth": "required", "auth_in_clear": True}],
        "tls": {"certificate": str(certificates.server.chain), "key": str(certificates.server.key)},
        "clients": {"users_file": str(users), "max_message_size": "30MiB", "max_recipients": 100,
                    "max_connections_per_address": 1000},
        "upstreams": {"only": upstream_settings(upstream)},
    }, secrets=(USER_PASSWORD,)).start()
    try:
        yield Listener(relay, upstream, clear, starttls, in_clear, certificates)
        relay.stop()
        assert not upstream.smuggled, upstream.smuggled
    finally:
        print(relay.tail(300))
        relay.discard()
        upstream.stop()


@pytest.fixture
def listener(_listener: Listener) -> Iterator[Listener]:
    """What the test did must have harmed nothing: afterwards an honest message passes, in the same process."""
    process = _listener.relay.pid
    yield _listener
    honest = small("honest@shop.test")
    with _listener.session() as client:
        assert client.submit(honest.sender, honest.recipient, honest.content).startswith("250")
    arrived = _listener.upstream.wait_messages(1, which=lambda message: honest.marker in message.content)
    assert_unchanged(honest, arrived[0].content, trace_fields=1)
    assert _listener.relay.running and _listener.relay.pid == process
