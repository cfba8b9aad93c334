"""One message at a time: how long from the final dot to the 250, and from there to the sink.

The sink is a process of its own that stamps the arrival of each message's final dot; both clocks are CLOCK_MONOTONIC.
"""
import os
import re
import signal
import socket
import time


class StampingSink:
    """Accepts everything and writes `number time` for each message into a pipe."""

    def __init__(self, port):
        self.port = port
        read_end, write_end = os.pipe()
        listener = socket.create_server(('127.0.0.1', port), backlog=100)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(read_end)
            try:
                _serve(listener, write_end)
            finally:
                os._exit(0)
        listener.close()
        os.close(write_end)
        self.stamps = os.fdopen(read_end, 'rb')

    def next(self):
        number, stamp = self.stamps.readline().split()
        return int(number), float(stamp)

    def stop(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.stamps.close()


def _serve(listener, stamps):
    import selectors
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    sessions = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(b'220 sink ESMTP\r\n')
                sessions[connection] = [b'', False]
                selector.register(connection, selectors.EVENT_READ)
                continue
            connection = key.fileobj
            data = connection.recv(1 << 20)
            now = time.monotonic()
            if not data or not _answer(connection, sessions[connection], data, now, stamps):
                selector.unregister(connection)
                connection.close()
                del sessions[connection]


def _answer(connection, session, data, now, stamps):
    """Feeds one session; false when it is over."""
    session[0] += data
    answers = b''
    while True:
        if session[1]:  # inside DATA
            end = session[0].find(b'\r\n.\r\n')
            if end < 0:
                break
            number = re.search(rb'\r\nX-Number: (\d+)\r\n', session[0][:end + 2])
            if number:
                os.write(stamps, b'%s %r\n' % (number[1], now))
            session[0] = session[0][end + 5:]
            session[1] = False
            answers += b'250 2.0.0 taken\r\n'
            continue
        end = session[0].find(b'\r\n')
        if end < 0:
            break
        line = session[0][:end].upper()
        session[0] = session[0][end + 2:]
        if line.startswith(b'EHLO'):
            answers += b'250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n'
        elif line == b'DATA':
            session[1] = True
            answers += b'354 go on\r\n'
        elif line == b'QUIT':
            connection.sendall(answers + b'221 bye\r\n')
            return False
        else:
            answers += b'250 2.0.0 fine\r\n'
    if answers:
        connection.sendall(answers)
    return True


def measure(port, sink, messages):
    """Submits messages one by one, each on a new connection; three lists of seconds per message:
    final dot to 250, 250 to the sink (below zero if it was there first), connect to the sink."""
    accepted, relayed, whole = [], [], []
    body = b'x' * 70 + b'\r\n'
    for number in range(messages):
        began = time.monotonic()
        connection = socket.create_connection(('127.0.0.1', port), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = connection.makefile('rb')
        _expect(replies, b'220')
        for command, code in ((b'EHLO client.bench.example', b'250'), (b'MAIL FROM:<sender@bench.example>', b'250'),
                              (b'RCPT TO:<recipient@bench.example>', b'250'), (b'DATA', b'354')):
            connection.sendall(command + b'\r\n')
            _expect(replies, code)
        connection.sendall(b'From: <sender@bench.example>\r\nX-Number: %d\r\nSubject: one\r\n\r\n' % number
                           + body * 13 + b'.\r\n')
        sent = time.monotonic()
        _expect(replies, b'250')
        answered = time.monotonic()
        arrived_number, arrived = sink.next()
        while arrived_number < number:  # an earlier one, sent twice
            arrived_number, arrived = sink.next()
        connection.sendall(b'QUIT\r\n')
        _expect(replies, b'221')
        connection.close()
        accepted.append(answered - sent)
        relayed.append(arrived - answered)
        whole.append(arrived - began)
    return accepted, relayed, whole


def _expect(replies, code):
    while True:
        line = replies.readline()
        if not line.startswith(code):
            raise RuntimeError(f'expected {code.decode()}, got {line!r}')
        if line[3:4] != b'-':
            return
