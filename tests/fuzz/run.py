#!/usr/bin/env python3
"""Runs every fuzz target of a build folder for some seconds each, from its seeds in tests/fuzz/corpus/<name>/.

    tests/fuzz/run.py BUILD SECONDS JOBS      prints `ok name: ...` or `FAIL name: ...` per target

What a run finds new stays in BUILD/corpus/<name>/; a crashing input is left in BUILD/crashes/<name>/.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

SEEDS = pathlib.Path(__file__).resolve().parent / 'corpus'


def fuzz(target, build, seconds):
    name = target.name.removeprefix('fuzz_')
    grown = build / 'corpus' / name
    crashes = build / 'crashes' / name
    for folder in (grown, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    folders = [str(grown)] + ([str(SEEDS / name)] if (SEEDS / name).is_dir() else [])
    command = [str(target), f'-max_total_time={seconds}', '-timeout=10', '-rss_limit_mb=2048', '-print_final_stats=1',
               f'-artifact_prefix={crashes}/', *folders]
    try:
        run = subprocess.run(command, capture_output=True, text=True, errors='replace', timeout=seconds * 3 + 300)
    except subprocess.TimeoutExpired:
        return name, False, 'did not end'
    units = re.search(r'number_of_executed_units: (\d+)', run.stderr)
    if run.returncode == 0 and units and int(units[1]) > 0:
        return name, True, f'{units[1]} inputs'
    end = '\n'.join('    ' + line for line in run.stderr.splitlines()[-60:])
    return name, False, f'exit status {run.returncode}, inputs in {crashes}\n{end}'


def main(build, seconds, jobs):
    build = pathlib.Path(build)
    targets = sorted(p for p in build.glob('fuzz_*') if p.is_file() and os.access(p, os.X_OK))
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(int(jobs)) as pool:
        for name, good, what in pool.map(lambda target: fuzz(target, build, int(seconds)), targets):
            bad += not good
            print(f'{"ok" if good else "FAIL"} {name}: {what}', flush=True)
    return 1 if bad or not targets else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
