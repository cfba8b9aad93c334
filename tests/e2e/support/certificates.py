"""A throw-away certificate authority and the server certificates that the tests need, made by the openssl program."""
from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    chain: Path
    key: Path


_CA_CONFIG = """\
[ca]
default_ca = test
[test]
dir = {folder}
new_certs_dir = {folder}
database = {folder}/index.txt
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[extensions]
basicConstraints = critical,CA:FALSE
"""


class Certificates:
    """server: good for localhost and 127.0.0.1. The others are each wrong in one way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = self._authority("ca", "Test Authority")
        self.ca_file = self.authority.chain
        foreign = self._authority("foreign-ca", "Foreign Authority")
        local = "DNS:localhost,IP:127.0.0.1"
        self.server = self._issue("server", local, self.authority)
        self.wrong_name = self._issue("wrong-name", "DNS:other.example", self.authority)
        self.expired = self._issue("expired", local, self.authority, "200101000000Z", "200201000000Z")
        self.not_yet = self._issue("not-yet", local, self.authority, "490101000000Z", "491201000000Z")
        self.foreign = self._issue("foreign", local, foreign)
        self.self_signed = self._self_signed("self-signed", local)

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"openssl {' '.join(arguments)}: {done.stderr}"

    def _authority(self, name: str, subject: str) -> Certificate:
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-keyout", str(made.key), "-out", str(made.chain), "-days", "30", "-subj", f"/CN={subject}",
                      "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
        return made

    def _self_signed(self, name: str, names: str) -> Certificate:
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-keyout", str(made.key), "-out", str(made.chain), "-days", "30", "-subj", "/CN=localhost",
                      "-addext", f"subjectAltName={names}")
        return made

    def _issue(self, name: str, names: str, authority: Certificate, start: str = "", end: str = "") -> Certificate:
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request = self._folder / f"{name}.csr"
        config = self._folder / "ca.cnf"
        config.write_text(_CA_CONFIG.format(folder=self._folder))
        (self._folder / "index.txt").write_text("")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                      str(made.key), "-out", str(request), "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}")
        validity = ["-startdate", start, "-enddate", end] if start else ["-days", "20"]
        self._openssl("ca", "-batch", "-notext", "-config", str(config), "-extensions", "extensions",
                      "-cert", str(authority.chain), "-keyfile", str(authority.key), "-in", str(request),
                      "-out", str(made.chain), *validity)
        return made
