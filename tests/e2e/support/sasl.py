"""The server side of PLAIN, LOGIN, CRAM-MD5 and SCRAM-SHA-256 for one login.

Each takes `ask` (sends a challenge, gives the answer), the initial response (b"" if none), and the login and password
that are right; the result says whether the client knew them.
"""
from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable

Ask = Callable[[bytes], bytes]


def _plain(ask: Ask, initial: bytes, login: str, password: str) -> bool:
    """RFC 4616."""
    parts = (initial or ask(b"")).split(b"\0")
    return len(parts) == 3 and parts[1:] == [login.encode(), password.encode()]


def _login(ask: Ask, initial: bytes, login: str, password: str) -> bool:
    given = initial or ask(b"Username:")
    return (given, ask(b"Password:")) == (login.encode(), password.encode())


def _cram_md5(ask: Ask, initial: bytes, login: str, password: str) -> bool:
    """RFC 2195."""
    challenge = f"<{os.urandom(8).hex()}@upstream.test>".encode()
    digest = hmac.new(password.encode(), challenge, hashlib.md5).hexdigest()
    return ask(challenge).decode() == f"{login} {digest}"


def _scram_sha_256(ask: Ask, initial: bytes, login: str, password: str) -> bool:
    """RFC 5802 and 7677, without channel binding."""
    first = (initial or ask(b"")).decode()
    if not first.startswith(("n,,", "y,,")):
        return False
    bare = first[3:]
    fields = dict(part.split("=", 1) for part in bare.split(","))
    salt, rounds = os.urandom(16), 4096
    nonce = fields["r"] + base64.b64encode(os.urandom(12)).decode()
    server_first = f"r={nonce},s={base64.b64encode(salt).decode()},i={rounds}"
    without_proof, _, proof = ask(server_first.encode()).decode().rpartition(",p=")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    authenticated = f"{bare},{server_first},{without_proof}".encode()
    signature = hmac.digest(hashlib.sha256(client_key).digest(), authenticated, "sha256")
    expected = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    if base64.b64decode(proof) != expected or fields["n"] != login:
        return False
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    ask(b"v=" + base64.b64encode(hmac.digest(server_key, authenticated, "sha256")))
    return True


MECHANISMS: dict[str, Callable[[Ask, bytes, str, str], bool]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
    "CRAM-MD5": _cram_md5,
    "SCRAM-SHA-256": _scram_sha_256,
}
