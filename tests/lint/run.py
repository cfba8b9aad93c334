#!/usr/bin/env python3
"""Runs every check_* function: `ok name`, or `FAIL name: file:line: text` and every further finding below it.

Each check yields (file, line, text) per finding. Arguments pick checks by a part of their name.
"""
import inspect
import sys

import cpp_rules
import house
import walls


def main(picked):
    bad = 0
    for module in (walls, cpp_rules, house):
        for name, check in inspect.getmembers(module, inspect.isfunction):
            if not name.startswith('check_') or inspect.getmodule(check) is not module:
                continue
            if picked and not any(part in name for part in picked):
                continue
            title = name.removeprefix('check_')
            findings = [f'{file}:{line}: {what}' for file, line, what in check()]
            if findings:
                bad += 1
                print(f'FAIL {title}: {findings[0]}')
                for finding in findings[1:]:
                    print(f'     {finding}')
            else:
                print(f'ok {title}')
    print('ran every check')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
