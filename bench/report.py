"""The table of a run, and whether the targets are met. Ratios count, not figures: machines differ."""

POSTFIXES = ('postfix', 'postfix tuned')


def best(values, key, better=max):
    """The better of Postfix's two settings."""
    found = [values[name][key] for name in POSTFIXES if values.get(name) and key in values[name]]
    return better(found) if found else None


def targets(results):
    """Yields (what, figure, bound, met) for every target that this run has the figures for."""
    flows = results['flows']
    for name, times_postfix, share_of_direct in (
            ('1 KiB, 10 sessions', 8, 0.5), ('1 KiB, 50 sessions', 8, 0.5), ('100 KiB, 10 sessions', 2.5, 0.7),
            ('100 KiB, 50 sessions', 2.5, 0.7), ('1 KiB, 10 reused', 10, None), ('1 KiB, 50 reused', 10, None)):
        values = flows.get(name, {})
        ours = values.get('posthouse')
        if not ours:
            continue
        theirs = best(values, 'rate')
        if theirs:
            ratio = ours['rate'] / theirs
            yield f'{name}: delivered/s, times Postfix', f'{ratio:.1f}', f'>= {times_postfix}', ratio >= times_postfix
        if share_of_direct and values.get('direct'):
            share = ours['rate'] / values['direct']['rate']
            yield (f'{name}: share of the direct rate', f'{share:.0%}', f'>= {share_of_direct:.0%}',
                   share >= share_of_direct)
        cpu = best(values, 'cpu', min)
        if cpu and name.startswith('1 KiB') and 'reused' not in name:
            ratio = ours['cpu'] / cpu
            yield f"{name}: CPU per message, part of Postfix's", f'1/{1 / ratio:.1f}', '<= 1/12', ratio <= 1 / 12
    for name, values in results['memory'].items():
        if values.get('posthouse'):
            peak = values['posthouse']['pss_mib']
            yield f'{name}: peak PSS', f'{peak:.1f} MiB', '<= 24 MiB', peak <= 24
    ours = results['syncs'].get('1 KiB, 50 sessions', {}).get('posthouse')
    if ours:
        yield '1 KiB, 50 sessions: syncs per message', f"{ours['syncs']:.3f}", '<= 0.1', ours['syncs'] <= 0.1
    ours = results['backlog'].get('posthouse')
    if ours:
        theirs = best(results['backlog'], 'rate')
        if theirs:
            ratio = ours['rate'] / theirs
            yield 'backlog: drained/s, times Postfix', f'{ratio:.1f}', '>= 4', ratio >= 4
        yield 'backlog: disk per message', f"{ours['disk_kib']:.2f} KiB", '<= 2 KiB', ours['disk_kib'] <= 2
    ours = results['latency'].get('posthouse')
    if ours:
        bound = ours['fdatasync_p50'] + 1
        yield ('one at a time: final dot to 250, p50', f"{ours['accepted_p50']:.2f} ms",
               f'<= one fdatasync + 1 ms = {bound:.2f} ms', ours['accepted_p50'] <= bound)
        yield ('one at a time: 250 to the sink, p50', f"{ours['relayed_p50']:.2f} ms", '<= 2 ms',
               ours['relayed_p50'] <= 2)


def table(head, rows):
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, ['-' * width for width in widths], *rows]:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print('| ' + ' | '.join(cells) + ' |')
    print()


def cell(values, relay, form):
    return form(values[relay]) if values.get(relay) else '-'


def show(results):
    names = results['relays']
    if results['flows']:
        table(['delivered/s (CPU s per 1000)', *names],
              [[flow, *(cell(values, name, lambda v: f"{v['rate']:,.0f} ({v['cpu']:.3f})") for name in names)]
               for flow, values in results['flows'].items()])
    if results['memory']:
        table(['peak PSS, MiB (processes)', *names],
              [[flow, *(cell(values, name, lambda v: f"{v['pss_mib']:.1f} ({v['processes']})") for name in names)]
               for flow, values in results['memory'].items()])
    if results['syncs']:
        table(['syncs per message', *names],
              [[flow, *(cell(values, name, lambda v: f"{v['syncs']:.3f}") for name in names)]
               for flow, values in results['syncs'].items()])
    backlog = results['backlog']
    if backlog:
        count = max(values['messages'] for values in backlog.values())
        table([f'backlog of {count:,} x 1 KiB', *names],
              [[what, *(cell(backlog, name, form) for name in names)] for what, form in (
                  ('accepted/s', lambda v: f"{v['accepted_rate']:,.0f}"),
                  ('disk per message, KiB', lambda v: f"{v['disk_kib']:.2f}"),
                  ('sink up to first delivery, s', lambda v: f"{v['first']:.2f}"),
                  ('drained/s', lambda v: f"{v['rate']:,.0f}"),
                  ('peak PSS, MiB', lambda v: f"{v['pss_mib']:.1f}"))])
    if results['latency']:
        table(['one at a time, ms p50 / p99', *names],
              [[what, *(cell(results['latency'], name, lambda v: f"{v[key + '_p50']:.2f} / {v[key + '_p99']:.2f}")
                        for name in names)] for what, key in (
                  ('final dot to 250', 'accepted'), ('250 to the sink', 'relayed'), ('connect to the sink', 'whole'))])
    missed = 0
    for what, figure, bound, met in targets(results):
        missed += not met
        print(f"{'PASS' if met else 'MISS'}  {what}: {figure} ({bound})")
    return missed
