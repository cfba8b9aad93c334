"""Checks of the whole tree: format, length, scripts, documents."""
import json
import os
import re
import shutil
import subprocess

from tree import CPP, ROOT, files, files_under, find, text

CPP_FOLDERS = ('protocol', 'config', 'daemon', 'tests', 'bench')
TEXT_FILES = CPP + ('.py', '.sh', '.txt', '.cmake', '.md', '.json', '.yaml', '.yml', '.in', '.js', '.html', '.css')


def run(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def scripts():
    return [name for name in files() if name.startswith(('scripts/', '.ci/', 'docker/', 'bench/'))
            and re.match(r'#!.*\b(?:ba)?sh\b', text(name))]


def check_clang_format():
    names = files_under(*CPP_FOLDERS, suffixes=CPP)
    if not shutil.which('clang-format-19'):
        yield '.clang-format', 1, "clang-format-19 is missing: install Debian's clang-format-19"
        return
    if names:
        seen = run('clang-format-19', '--dry-run', '--ferror-limit=1', '-Werror', *names)
        for line in seen.stderr.splitlines():
            found = re.match(r'(.+?):(\d+):\d+: error: code should be clang-formatted', line)
            if found:
                yield os.path.relpath(found[1], ROOT), int(found[2]), 'run clang-format-19 -i on this file'


def check_shellcheck():
    if not shutil.which('shellcheck'):
        yield 'scripts/test', 1, "shellcheck is missing: install Debian's shellcheck"
        return
    seen = run('shellcheck', '--format=gcc', *scripts())
    for line in seen.stdout.splitlines():
        found = re.match(r'(.+?):(\d+):\d+: (.*)', line)
        if found:
            yield found[1], int(found[2]), found[3]


def check_scripts_are_strict_and_executable():
    for name in scripts():
        if not os.access(ROOT / name, os.X_OK):
            yield name, 1, 'is not executable'
        if not re.search(r'^set -\w*e\w*', text(name), re.MULTILINE):
            yield name, 1, 'set -euo pipefail is missing'


# file -> why it is long
LONG_FILES = {}


def check_no_file_is_too_long():
    for name in files():
        if name.endswith(CPP + ('.py', '.js')):
            lines = text(name).count('\n')
            if lines > 600 and name not in LONG_FILES:
                yield name, 601, f'{lines} lines: split it by job, or give a reason in tests/lint/house.py'


UNFINISHED = re.compile(r'\b(?:TO' r'DO|FIX' r'ME|X' r'XX)\b')


def check_nothing_is_marked_unfinished():
    for name in files():
        if name.endswith(TEXT_FILES) or '.' not in name.rsplit('/', 1)[-1]:
            for line, match in find(UNFINISHED, name, text(name)):
                yield name, line, f'{match.group()}: finish it or file an issue'


# Paths of one developer's machine do not belong into the project.
MACHINE_PATHS = re.compile(r'(?<![\w.$}*])/(?:ho' r'me|ro' r'ot|wo' r'rk|Us' r'ers)/\w{2}')


def check_no_paths_of_somebodys_machine():
    for name in files():
        if name.endswith(TEXT_FILES) or '.' not in name.rsplit('/', 1)[-1]:
            for line, _ in find(MACHINE_PATHS, name, text(name)):
                yield name, line, "a path of somebody's machine"


def check_lockfile_names_no_registry():
    name = 'tests/e2e/package-lock.json'
    lock = json.loads(text(name))
    for package, facts in lock['packages'].items():
        if 'resolved' in facts:
            yield name, 1, f'{package} names a host: npm install --omit-lockfile-registry-resolved'
        if package and 'integrity' not in facts:
            yield name, 1, f'{package} has no integrity hash'


DOCUMENTS = ('README.md', 'docs/architecture.md', 'docs/performance.md', 'docs/spool-format.md')
NAMED_PATH = re.compile(r'`((?:protocol|config|daemon|tests|scripts|cmake|docs|bench|systemd|docker|web)/[\w./{},*-]*)`')


def spelled_out(path):
    """a/{b,c}.h -> a/b.h, a/c.h"""
    braces = re.search(r'\{([^{}]*)\}', path)
    if not braces:
        return [path]
    return [p for part in braces[1].split(',')
            for p in spelled_out(path[:braces.start()] + part + path[braces.end():])]


def check_documents_name_paths_that_exist():
    for document in DOCUMENTS:
        if document not in files():
            continue
        for line, match in find(NAMED_PATH, document, text(document)):
            for path in spelled_out(match[1]):
                if not any(ROOT.glob(path.rstrip('/'))):
                    yield document, line, f'{path} does not exist'
