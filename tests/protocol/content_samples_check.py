#!/usr/bin/env python3
"""Reads the bounces and converted messages of content_samples with Python's email package.

    content_samples_check.py CONTENT_SAMPLES      exit status 0 if every one means what it should
"""
import email
import email.policy
import pathlib
import subprocess
import sys
import tempfile


def same(got, wanted, what):
    if got != wanted:
        sys.exit(f'{what}: got {got!r}, wanted {wanted!r}')


def check_bounce(message, name, action, status, returned):
    same(message.defects, [], f'{name} defects')
    same(message.get_content_type(), 'multipart/report', name)
    same(message.get_param('report-type'), 'delivery-status', name)
    same(message['Auto-Submitted'], 'auto-replied', name)
    same(message['From'].addresses[0].addr_spec, 'MAILER-DAEMON@relay.example', name)
    same(message['To'].addresses[0].addr_spec, 'sender@example.com', name)
    words, report, original = message.get_payload()
    same(words.get_content_type(), 'text/plain', name)
    for address in ('one@example.org', 'two@example.org'):
        if f'<{address}>' not in words.get_content():
            sys.exit(f'{name}: {address} is not named for people')
    same(report.get_content_type(), 'message/delivery-status', name)
    about, *recipients = report.get_payload()
    same(about['Reporting-MTA'], 'dns; relay.example', name)
    same(about['Original-Envelope-Id'], 'QQ+1', name)
    same([r['Final-Recipient'] for r in recipients], ['rfc822; one@example.org', 'rfc822; two@example.org'], name)
    for recipient in recipients:
        same(recipient['Action'], action, name)
        same(recipient['Status'], status, name)
        same(recipient['Original-Recipient'], 'rfc822; user+tag@example.org', name)
        same(recipient['Remote-MTA'], 'dns; mx.example.org', name)
    same(original.get_content_type(), returned, name)
    return words.get_content()


def leaves(message):
    found = []
    for part in message.walk():
        if part.is_multipart():
            continue
        found.append((part.get_content_type(), part.get_payload(decode=True)))
    return found


def main(samples):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([samples, folder], check=True)
        raw = {path.name: path.read_bytes() for path in pathlib.Path(folder).iterdir()}
    read = {name: email.message_from_bytes(octets, policy=email.policy.default) for name, octets in raw.items()}

    check_bounce(read['failed.eml'], 'failed.eml', 'failed', '5.1.1', 'text/rfc822-headers')
    check_bounce(read['expired.eml'], 'expired.eml', 'failed', '4.4.7', 'message/rfc822')
    words = check_bounce(read['delayed.eml'], 'delayed.eml', 'delayed', '4.0.0', 'text/rfc822-headers')
    same('позже' in words, True, 'the reply in its own words')
    check_bounce(read['relayed.eml'], 'relayed.eml', 'relayed', '2.0.0', 'text/rfc822-headers')

    same(max(raw['after.eml']) < 0x80, True, 'after.eml is 7-bit')
    before, after = leaves(read['before.eml']), leaves(read['after.eml'])
    same(len(before), 4, 'the parts of before.eml')
    same(after, before, 'the decoded parts')


if __name__ == '__main__':
    main(*sys.argv[1:])
