"""Rules of C++ that no compiler checks for us."""
import re

from tree import CPP, code, files_under, find, line_of, text

OURS = ('protocol', 'config', 'daemon')

# --- GCC 12 destroys some temporaries of a co_await expression twice ------------------------------------------------
# Aggregates and capturing lambdas made inside the expression, and ?: around it, are the forms that were seen to break.
BLOCK_BEFORE = re.compile(r'(?:[;{}:)]|\b(?:else|do|try|const|noexcept|override|mutable|final)|->[^;{}()]*'
                          r'(?:\([^;{}()]*\)[^;{}()]*)?)\s*$')
CONTROL_BEFORE = re.compile(r'\b(?:if|while|switch|for)(?:\s+constexpr)?\s*$')
CAPTURE = re.compile(r'\[\s*[^\]\s\[]')


def has_capturing_lambda(expression):
    return any(not subscript_before(expression[:match.start()]) for match in CAPTURE.finditer(expression))


def subscript_before(before):
    """Whether a [ after this text is an array's, or that of a structured binding, and opens no lambda."""
    if re.search(r'\b(?:return|co_return|co_await|co_yield)\s*$', before):
        return False
    return re.search(r'(?:[\w\])]|\bauto\s*&{0,2})\s*$', before) is not None


def full_expression(source, at):
    """(begin, end) of the full expression around the co_await at this offset."""
    depth = 0
    begin = at
    control = False
    while begin > 0:
        char = source[begin - 1]
        if char in ')]':
            depth += 1
        elif char in '([' and depth > 0:
            depth -= 1
        elif char == '(' and CONTROL_BEFORE.search(source, max(0, begin - 40), begin - 1):
            control = True
            break
        elif depth == 0 and char == ';':
            break
        elif depth == 0 and char == '{' and BLOCK_BEFORE.search(source, max(0, begin - 200), begin - 1):
            break
        elif depth == 0 and char == '}' and re.match(r'\s*(?:\n|\w)', source[begin:begin + 200]):
            break
        begin -= 1
    depth = 0
    end = at
    for end in range(begin, len(source)):
        char = source[end]
        if char in '([{':
            depth += 1
        elif char in ')]}':
            depth -= 1
            if depth < 0:
                break
        elif char == ';' and depth == 0:
            break
    # `for (auto x : co_await f())` and `if (co_await f())` end with the parenthesis, everything else with `;`.
    assert not control or end > begin
    return begin, end


def co_await_faults(source):
    """Yields (line, what) for each co_await in this blanked source that GCC 12 may miscompile."""
    for match in re.finditer(r'\bco_await\b', source):
        begin, end = full_expression(source, match.start())
        expression = source[begin:end]
        line = line_of(source, match.start())
        if '{' in expression:
            yield line, 'a brace inside a co_await expression (GCC 12): name the value on the line above'
        elif has_capturing_lambda(expression):
            yield line, 'a capturing lambda inside a co_await expression (GCC 12): name it on the line above'
        elif '?' in expression:
            yield line, 'a ternary around co_await (GCC 12): write an if'


def check_co_await_expressions_have_no_temporaries_gcc_breaks():
    for name in files_under(*OURS, 'tests', suffixes=CPP):
        for line, what in co_await_faults(code(name)):
            yield name, line, what


def check_the_co_await_rule_sees_what_it_should():
    bad = ['co_await f(Msg{a, b});', 'co_await f({a, b});', 'auto x = Agg{co_await a(), co_await b()};',
           'co_await f([s] { g(s); });', 'auto x = c ? co_await s() : y;', 'if (co_await f(T{1})) {\n g();\n}',
           'auto r = co_await socket.async_read({}, token);', 'co_return {co_await f(), 1};']
    good = ['void f() {\n  co_await g(x);\n}', 'if (co_await f(x)) {\n  T{1};\n}',
            'T t{1};\nco_await f(std::move(t));', 'auto f = [s]() -> awaitable<void> { co_await g(s); };',
            'for (;;) {\n  auto [error, n] = co_await read(buffer);\n}', 'while (co_await f()) { T{}; }',
            'case X: { co_await f(); }', 'co_await a[i].run(b[0]);', 'T x = c ? y : z;\nco_await f(x);',
            'awaitable<void> A::f(B b) const {\n  co_await b.g();\n}', 'const auto& [a, b] = co_await f();']
    for source in bad:
        if not list(co_await_faults(source)):
            yield 'tests/lint/cpp_rules.py', 1, f'the rule misses: {source!r}'
    for source in good:
        for _, what in co_await_faults(source):
            yield 'tests/lint/cpp_rules.py', 1, f'the rule is wrong about {source!r}: {what}'


# --- time, files, sleeps --------------------------------------------------------------------------------------------
CLOCKS = re.compile(r'\b(?:steady_clock|system_clock|high_resolution_clock|utc_clock|file_clock)\s*::\s*now\b'
                    r'|\b(?:clock_gettime|gettimeofday)\s*\(|\btime\s*\(\s*(?:nullptr|NULL|0)\s*\)')
CLOCK_FILES = ('daemon/runtime/clock.h', 'daemon/runtime/clock.cpp')


def check_only_the_clock_reads_the_clock():
    for name in files_under(*OURS, 'tests', suffixes=CPP):
        if name not in CLOCK_FILES:
            for line, match in find(CLOCKS, name):
                yield name, line, f'{match.group()}: time is a parameter, it comes from {CLOCK_FILES[0]}'


FILE_CALLS = re.compile(
    r'(?<![\w:>])::\s*(?:open|openat|creat|write|pwrite|pwritev|writev|read|pread|preadv|fsync|fdatasync|syncfs|'
    r'rename|renameat|link|linkat|unlink|unlinkat|ftruncate|fallocate|mkdir|mkdirat|opendir|fdopendir|flock)\s*\('
    r'|\bstd::[io]?fstream\b|\bf(?:open|write|read)\s*\('
    r'|\b(?:std::filesystem|fs)::(?:remove|remove_all|rename|create_director\w+|resize_file|copy\w*)\s*\(')
# file or room -> why it may touch the file system by itself
FILE_CALLERS = {
    'daemon/spool/file_system.cpp': 'the one door to the disk; faults are injected behind it',
    'daemon/runtime/log.cpp': 'log lines go to standard error',
    'daemon/cli/': 'the tools around the relay read and write what the user names',
    'daemon/sink/': 'what the sink captures is no queue',
    'daemon/admin/server.cpp': 'a unix socket that nobody answers on any more is removed',
    'daemon/submission/listener.cpp': 'a unix socket that nobody answers on any more is removed',
}


def check_only_the_file_system_touches_files():
    for name in files_under('protocol', 'daemon', suffixes=CPP):
        if not name.startswith(tuple(FILE_CALLERS)):
            for line, match in find(FILE_CALLS, name):
                yield name, line, f'{match.group().strip("( ")}: files are reached through daemon/spool/file_system.h'


SLEEPS = re.compile(r'\b(?:sleep_for|sleep_until|usleep|nanosleep)\s*\(|\b(?:time|asyncio)\.sleep\s*\(')
# The polling loops of tests against real processes: wait until a condition holds, with a deadline.
POLLERS = ('tests/e2e/support/deadline.py',)


def check_no_test_sleeps():
    for name in files_under('tests', suffixes=CPP + ('.py',)):
        if name in POLLERS:
            continue
        source = code(name) if name.endswith(CPP) else text(name)
        for line, match in find(SLEEPS, name, source):
            yield name, line, f'{match.group().strip("( ")}: use virtual time, or wait for an event ({POLLERS[0]})'


# --- headers and names ----------------------------------------------------------------------------------------------
def check_headers_open_with_their_contract():
    for name in files_under(*OURS, suffixes=('.h',)):
        source = text(name)
        if not source.startswith('//'):
            yield name, 1, 'a header opens with a comment: what it is, its contract, owner'
        if '#pragma once' not in source:
            yield name, 1, '#pragma once is missing'
        for line, _ in find(re.compile(r'\busing namespace\b'), name):
            yield name, line, 'using namespace in a header'


EMPTY_NAMES = re.compile(r'manager|helper|util|misc|common', re.IGNORECASE)
DECLARED = re.compile(r'\b(?:class|struct|enum class|enum|namespace|concept)\s+(?:\[\[\w+\]\]\s*)?([\w:]+)')
EMPTY_FUNCTION = re.compile(r'\b(?:process|do_it|handle_all)(?:_\w+)?\s*\(')


def check_names_say_something():
    for name in files_under(*OURS, 'tests', suffixes=CPP):
        if EMPTY_NAMES.search(name.rsplit('/', 1)[-1]):
            yield name, 1, 'the file name says nothing'
        for line, match in find(DECLARED, name):
            if EMPTY_NAMES.search(match[1]):
                yield name, line, f'{match[1]}: the name says nothing'
        for line, match in find(EMPTY_FUNCTION, name):
            yield name, line, f'{match.group().rstrip("( ")}: the name says nothing'


NOLINT = re.compile(r'NOLINT\w*(?!\w)(?!\([a-z][\w.,\- *]*\)(?::| -) ?\w)')


def check_each_nolint_names_its_check_and_reason():
    for name in files_under(*OURS, 'tests', suffixes=CPP):
        for line, match in find(NOLINT, name, text(name)):
            if not match.group().startswith('NOLINTEND'):
                yield name, line, 'write NOLINT...(check-name): reason'
