"""The relays that are compared. Each runs in a folder of its own, listens on loopback, relays all mail to the sink."""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

from measure import CpuAccount, is_alive

DAEMONS = '/usr/lib/postfix/sbin'


class RelayError(Exception):
    pass


def wait_for_port(port, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with socket.create_connection(('127.0.0.1', port), timeout=1) as connection:
                if connection.recv(3) == b'220':
                    connection.sendall(b'QUIT\r\n')
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise RelayError(f'nothing greets with 220 on port {port} after {seconds:g} s')


class Direct:
    """No relay: what generator and sink reach on their own."""

    name = 'direct'
    pid = None
    spool = None

    def __init__(self, folder, port, sink_port):
        self.port = sink_port

    def start(self, run_by):
        pass

    def flush(self):
        pass

    def cpu_seconds(self):
        return 0.0

    def stop(self):
        pass


class Posthouse:
    name = 'posthouse'

    def __init__(self, folder, port, sink_port, binary='build/release/posthouse', connections=20, log='info'):
        self.folder = pathlib.Path(folder)
        self.port = port
        self.spool = self.folder / 'spool'
        self.binary = os.path.abspath(binary)
        self.config = self.folder / 'posthouse.yaml'
        self.folder.mkdir(parents=True)
        self.config.write_text(f'''hostname: relay.bench.example
listen:
  - address: 127.0.0.1:{port}
spool:
  path: {self.spool}
upstreams:
  sink:
    host: 127.0.0.1
    port: {sink_port}
    tls: none
    connections: {connections}
    messages_per_connection: 1000
    recovery: [1s]
retry:
  schedule: [1s]
admin:
  listen: ["unix:{self.folder}/admin.sock"]
log: {{level: {log}, format: text}}
''')
        self.account = CpuAccount('posthouse')
        self.process = None

    def start(self, run_by):
        self.log = (self.folder / 'log').open('wb')
        self.process = subprocess.Popen(run_by(self.binary, 'serve', '--config', str(self.config)),
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, preexec_fn=self.account.enter)
        self.account.root_pid = self.process.pid
        try:
            wait_for_port(self.port)
        except RelayError as error:
            self.stop()
            raise RelayError(f'{error}; its log ends: {(self.folder / "log").read_text()[-2000:]}') from None

    @property
    def pid(self):
        return self.process.pid

    def flush(self):
        pass  # it sees by itself that the sink is back

    def cpu_seconds(self):
        return self.account.seconds()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        self.account.close()


class Postfix:
    """Debian's postfix as a private instance: its own main.cf, master.cf, queue and data folder."""

    name = 'postfix'
    settings = ''

    def __init__(self, folder, port, sink_port):
        if os.geteuid() != 0:
            raise RelayError('Postfix can only be started by root')
        self.folder = pathlib.Path(folder)
        self.port = port
        self.config = self.folder / 'etc'
        self.spool = self.folder / 'queue'
        self.data = self.folder / 'data'
        for path in (self.config, self.spool, self.data):
            path.mkdir(parents=True)
        owner = pwd.getpwnam('postfix')
        os.chown(self.data, owner.pw_uid, owner.pw_gid)
        (self.config / 'main.cf').write_text(f'''compatibility_level = 3.6
queue_directory = {self.spool}
data_directory = {self.data}
command_directory = /usr/sbin
daemon_directory = {DAEMONS}
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.bench.example
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
relayhost = [127.0.0.1]:{sink_port}
smtp_host_lookup = native
message_size_limit = 52428800
import_environment = MAIL_CONFIG
{self.settings}''')
        services = [
            f'127.0.0.1:{port} inet n - n - - smtpd', 'pickup unix n - n 60 1 pickup', 'cleanup unix n - n - 0 cleanup',
            'qmgr unix n - n 300 1 qmgr', 'tlsmgr unix - - n 1000? 1 tlsmgr', 'rewrite unix - - n - - trivial-rewrite',
            'bounce unix - - n - 0 bounce', 'defer unix - - n - 0 bounce', 'trace unix - - n - 0 bounce',
            'verify unix - - n - 1 verify', 'flush unix n - n 1000? 0 flush', 'proxymap unix - - n - - proxymap',
            'smtp unix - - n - - smtp', 'relay unix - - n - - smtp', 'showq unix n - n - - showq',
            'error unix - - n - - error', 'retry unix - - n - - error', 'discard unix - - n - - discard',
            'anvil unix - - n - 1 anvil', 'scache unix - - n - 1 scache', 'postlog unix-dgram n - n - 1 postlogd']
        (self.config / 'master.cf').write_text('\n'.join(services) + '\n')
        for name in ('dynamicmaps.cf',):
            if (pathlib.Path('/etc/postfix') / name).exists():
                shutil.copy(pathlib.Path('/etc/postfix') / name, self.config / name)
        self.account = CpuAccount(self.name)
        self.pid = None

    def _command(self, *command, **options):
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, **options)

    def start(self, run_by):
        said = self.folder / 'start'
        with said.open('wb') as output:  # no pipe: whoever watches the relay keeps it open as long as the relay runs
            subprocess.run(run_by('postfix', '-c', str(self.config), 'start'), stdin=subprocess.DEVNULL, stdout=output,
                           stderr=output, timeout=60, preexec_fn=self.account.enter)
        pid_file = self.spool / 'pid' / 'master.pid'
        try:
            wait_for_port(self.port)
        except RelayError as error:
            raise RelayError(f'{error}: {said.read_text()}') from None
        self.pid = int(pid_file.read_text())
        self.account.root_pid = self.pid

    def flush(self):
        self._command('postqueue', '-c', str(self.config), '-f')

    def cpu_seconds(self):
        return self.account.seconds()

    def stop(self):
        self._command('postfix', '-c', str(self.config), 'stop')
        end = time.monotonic() + 20
        while self.pid and is_alive(self.pid) and time.monotonic() < end:
            time.sleep(0.05)
        self.account.close()


class TunedPostfix(Postfix):
    """As an administrator would set it up for this job: more processes, no artificial delays, connections reused."""

    name = 'postfix tuned'
    settings = '''default_process_limit = 200
default_destination_concurrency_limit = 50
initial_destination_concurrency = 50
in_flow_delay = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtp_connection_cache_destinations = 127.0.0.1
smtp_connection_cache_on_demand = yes
smtp_connection_reuse_count_limit = 1000
smtpd_peername_lookup = no
max_use = 1000
qmgr_message_active_limit = 60000
qmgr_message_recipient_limit = 60000
enable_long_queue_ids = no
'''
