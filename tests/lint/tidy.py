#!/usr/bin/env python3
"""Runs clang-tidy over every .cpp of protocol/, config/ and daemon/: `ok file` or `FAIL file: finding` for each.

    tests/lint/tidy.py BUILD [JOBS]     BUILD has a compile_commands.json

A clean file is not looked at again while it, the project's headers it includes, its flags and .clang-tidy stay as they
are: the stamps are in $XDG_CACHE_HOME/posthouse-tidy, so another checkout profits too.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ('protocol/', 'config/', 'daemon/')
TIDY = 'clang-tidy-19'
STAMPS = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache') / 'posthouse-tidy'


def commands(build):
    """(path from the root, compiler arguments) of every source of ours."""
    for entry in json.loads((build / 'compile_commands.json').read_text()):
        name = os.path.relpath(entry['file'], ROOT)
        if name.startswith(FOLDERS):
            arguments = shlex.split(entry['command'])
            yield name, arguments[1:] if 'ccache' in arguments[0] else arguments


def stamp_of(name, arguments, build, rules):
    """The stamp that says this very input is clean; nothing if the compiler cannot tell what the input is."""
    without_output = arguments[:arguments.index('-o')] + arguments[arguments.index('-o') + 2:]
    listed = subprocess.run([*without_output, '-MM'], cwd=build, capture_output=True, text=True)
    if listed.returncode != 0:
        return None
    inputs = sorted(os.path.relpath(os.path.join(build, word), ROOT)
                    for word in listed.stdout.replace('\\\n', ' ').split()[1:])
    digest = hashlib.sha256(rules)
    digest.update(' '.join(without_output).replace(str(ROOT), '').encode())
    for path in inputs:
        if not path.endswith('daemon/version.h'):  # differs with each commit and says nothing
            digest.update(path.encode() + b'\0' + (ROOT / path).read_bytes())
    return STAMPS / digest.hexdigest()


def check(name, arguments, build, rules):
    stamp = stamp_of(name, arguments, build, rules)
    if stamp and stamp.exists():
        return []
    seen = subprocess.run([TIDY, '-p', str(build), '--quiet', str(ROOT / name)], capture_output=True, text=True)
    findings = [os.path.relpath(line, ROOT) for line in re.findall(r'^/.*(?:error|warning): .*', seen.stdout, re.MULTILINE)]
    if seen.returncode != 0 and not findings:
        findings = [f'{TIDY} ended with status {seen.returncode}: {seen.stderr.strip()[-300:]}']
    if stamp and not findings:
        stamp.touch()
    return findings


def main(build, jobs):
    build = pathlib.Path(build).resolve()
    STAMPS.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([TIDY, '--version'], capture_output=True, check=True).stdout
    rules = version + (ROOT / '.clang-tidy').read_bytes()
    work = sorted(commands(build))
    with concurrent.futures.ThreadPoolExecutor(int(jobs)) as pool:
        found = list(pool.map(lambda one: check(*one, build, rules), work))
    for (name, _), findings in zip(work, found):
        print(f'FAIL {name}: {findings[0]}' if findings else f'ok {name}')
        for finding in findings[1:]:
            print(f'     {finding}')
    print(f'looked at {len(work)} files')
    return 1 if any(found) or not work else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else os.cpu_count()))
