"""The include law: which room may know which, and where each outside library may appear."""
import re

from tree import CPP, files, files_under, text

# room -> rooms it may include, itself always. docs/architecture.md draws this table.
MAY_INCLUDE = {
    'protocol': set(),
    'config': {'protocol'},
    'daemon/runtime': {'protocol', 'config'},
    'daemon/net': {'protocol', 'config', 'daemon/runtime'},
    'daemon/spool': {'protocol', 'config', 'daemon/runtime'},
    'daemon/queue': {'protocol', 'config', 'daemon/runtime', 'daemon/spool'},
    'daemon/submission': {'protocol', 'config', 'daemon/runtime', 'daemon/net', 'daemon/spool', 'daemon/queue'},
    'daemon/upstream': {'protocol', 'config', 'daemon/runtime', 'daemon/net', 'daemon/spool', 'daemon/queue'},
    'daemon/admin': {'protocol', 'config', 'daemon/runtime', 'daemon/net', 'daemon/spool', 'daemon/queue',
                     'daemon/submission', 'daemon/upstream'},
    'daemon/sink': {'protocol', 'config', 'daemon/runtime', 'daemon/net'},
    'daemon/app': {'protocol', 'config', 'daemon/runtime', 'daemon/net', 'daemon/spool', 'daemon/queue',
                   'daemon/submission', 'daemon/upstream', 'daemon/admin'},
    'daemon/cli': {'protocol', 'config', 'daemon/runtime', 'daemon/net', 'daemon/spool', 'daemon/queue',
                   'daemon/submission', 'daemon/upstream', 'daemon/admin', 'daemon/sink', 'daemon/app'},
}

# outside library (as its includes begin; the longest that fits counts) -> files or rooms that may include it
MAY_USE = {
    'openssl/': ('protocol/sasl.cpp', 'daemon/net/', 'daemon/sink/'),
    'openssl/rand.h': ('daemon/',),
    'yaml-cpp/': ('config/',),
    'boost/asio': ('daemon/runtime/', 'daemon/net/', 'daemon/submission/', 'daemon/upstream/', 'daemon/admin/',
                   'daemon/sink/', 'daemon/app/', 'daemon/cli/'),
    'boost/beast': ('daemon/admin/', 'daemon/cli/'),
    'boost/json': ('daemon/admin/', 'daemon/cli/'),
    'boost/': ('daemon/',),
    'CLI/': ('daemon/cli/', 'daemon/main.cpp'),
    'fmt/': ('config/', 'daemon/'),
    'crypt.h': ('config/users_file.cpp',),
}

# protocol/ is pure: what of the standard library and the system it must not touch.
IMPURE = {'atomic', 'condition_variable', 'cstdio', 'filesystem', 'fstream', 'future', 'iostream', 'locale', 'mutex',
          'shared_mutex', 'stop_token', 'thread'}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?P<open>[<"])(?P<path>[^>"\n]+)[>"]', re.MULTILINE)


def room_of(path):
    parts = path.split('/')
    if parts[0] == 'daemon':
        return '/'.join(parts[:2]) if len(parts) > 2 else 'daemon'
    return parts[0]


def includes(name):
    source = text(name)
    for match in INCLUDE.finditer(source):
        yield source.count('\n', 0, match.start()) + 1, match['open'], match['path']


def check_rooms_include_only_what_they_may():
    for name in files_under('protocol', 'config', 'daemon', suffixes=CPP):
        room = room_of(name)
        if room == 'daemon':  # main.cpp stands above all rooms
            continue
        if room not in MAY_INCLUDE:
            yield name, 1, f'{room} is a room without a row in tests/lint/walls.py'
            continue
        for line, kind, path in includes(name):
            target = room_of(path)
            if kind == '"' and target != room and target != 'daemon' and target not in MAY_INCLUDE[room]:
                yield name, line, f'{room} must not know {target}: {path}'
            if kind == '"' and path.startswith('daemon/') and room in ('protocol', 'config'):
                yield name, line, f'{room} must not know daemon: {path}'


def check_project_includes_are_full_paths():
    known = set(files())
    for name in files_under('protocol', 'config', 'daemon', 'tests', suffixes=CPP):
        for line, kind, path in includes(name):
            beside = name.rsplit('/', 1)[0] + '/' + path  # tests may name a header of their own folder so
            if kind == '"' and path not in known and path != 'daemon/version.h' and not (
                    name.startswith('tests/') and beside in known):
                yield name, line, f'"{path}" is no file of the project, seen from the root'


def check_libraries_stay_in_their_rooms():
    for name in files_under('protocol', 'config', 'daemon', suffixes=CPP):
        for line, kind, path in includes(name):
            library = max((known for known in MAY_USE if kind == '<' and path.startswith(known)), key=len, default=None)
            if library and not name.startswith(MAY_USE[library]):
                yield name, line, f'<{path}> may only be included in {", ".join(MAY_USE[library])}'


def check_protocol_is_pure():
    for name in files_under('protocol', suffixes=CPP):
        for line, kind, path in includes(name):
            if kind == '<' and (path in IMPURE or ('/' in path and not path.startswith('openssl/'))
                                or path.endswith('.h') and not path.startswith('openssl/')):
                yield name, line, f'protocol is pure: no <{path}>'


def check_own_header_comes_first():
    known = set(files())
    for name in files_under('protocol', 'config', 'daemon', suffixes=('.cpp',)):
        own = name.removesuffix('.cpp') + '.h'
        first = next(includes(name), None)
        if own in known and (first is None or first[2] != own):
            yield name, first[0] if first else 1, f'include "{own}" first, so that it is seen to stand alone'
