"""The source tree as the checks see it: which files there are, and C++ with comments and literals blanked out."""
import functools
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


@functools.cache
def files():
    """Every file of the project (paths relative to ROOT, '/'-separated), new ones included, ignored ones not."""
    listed = subprocess.run(['git', '-C', str(ROOT), 'ls-files', '-co', '--exclude-standard'],
                            capture_output=True, text=True)
    if listed.returncode == 0:
        names = listed.stdout.splitlines()
    else:  # an unpacked archive has no .git
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob('*')
                 if p.is_file() and p.relative_to(ROOT).parts[0] not in ('build', '.git')]
    return sorted(name for name in set(names) if (ROOT / name).is_file())


def files_under(*folders, suffixes):
    """Files below any of the folders whose name ends in one of the suffixes."""
    return [name for name in files() if name.endswith(suffixes) and name.startswith(tuple(f + '/' for f in folders))]


CPP = ('.h', '.cpp')


@functools.cache
def text(name):
    return (ROOT / name).read_text(encoding='utf-8', errors='replace')


_TOKENS = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.DOTALL)


def blank(source):
    """The source with comments and literals replaced by spaces (quotes stay), so that offsets and lines still fit."""
    def cover(match):
        token = match.group()
        if token.startswith('/'):
            return re.sub(r'[^\n]', ' ', token)
        return token[0] + re.sub(r'[^\n]', ' ', token[1:-1]) + token[-1]
    return _TOKENS.sub(cover, source)


@functools.cache
def code(name):
    return blank(text(name))


def line_of(source, offset):
    return source.count('\n', 0, offset) + 1


def find(pattern, name, source=None):
    """Yields (line number, match) of a compiled pattern in a file's blanked code, or in the given source."""
    source = code(name) if source is None else source
    for match in pattern.finditer(source):
        yield line_of(source, match.start()), match
