#!/usr/bin/env python3
"""The program as an operator meets it: command line, configuration errors, signals, admin socket, health.

usage: program_test.py BUILD_DIRECTORY [unittest arguments]
"""
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

BUILD = os.path.abspath(sys.argv[1])
IMSGW = os.path.join(BUILD, 'imsgw')
CTL = os.path.join(BUILD, 'imsgwctl')
WAIT_S = 20  # under sanitizers on a busy machine


def free_ports(n, among):
    """n ports of loopback, free for UDP and TCP; `among` lies below those that the kernel gives to clients."""
    found = []
    for port in random.sample(among, len(among)):
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(('127.0.0.1', port))
            found.append(port)
        except OSError:
            pass
        if len(found) == n:
            return found
    raise RuntimeError('no free ports')


def run(*args, **kw):
    return subprocess.run(args, capture_output=True, text=True, timeout=60, **kw)


class Gateway:
    """A running imsgw with its own ports, directory and log."""

    def __init__(self, **keys):
        self.dir = tempfile.TemporaryDirectory(prefix='imsgw-test.')
        wss, sip = free_ports(2, range(21000, 21500))
        media, = free_ports(1, range(21500, 21990))  # a test may add workers, on the ports after it
        self.socket = os.path.join(self.dir.name, 'admin.sock')
        self.conf = os.path.join(self.dir.name, 'imsgw.conf')
        self.url = f'https://127.0.0.1:{wss}'
        self.keys = dict(domain='ims.test', wss_listen=f'127.0.0.1:{wss}', sip_listen=f'127.0.0.1:{sip}',
                         access_port=media, core_port_min=22000, core_port_max=22499, admin_socket=self.socket,
                         call_record_file=os.path.join(self.dir.name, 'records'), core_route=f'sip:127.0.0.1:{sip + 1}')
        self.keys.update(keys)
        self.write_conf()
        self.lines = []
        self.process = subprocess.Popen([IMSGW, '-c', self.conf], stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stderr))
        self.reader.start()

    def write_conf(self, **keys):
        self.keys.update(keys)
        with open(self.conf, 'w') as f:
            f.writelines(f'{k} = {v}\n' for k, v in self.keys.items())

    def wait(self, what, seconds=WAIT_S):
        """Waits until the log has a line that matches."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for line in self.lines:
                if re.search(what, line):
                    return line
            if self.process.poll() is not None and not self.reader.is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f'no line with {what!r} in\n' + ''.join(self.lines))

    def ctl(self, *args):
        return run(CTL, '--socket', self.socket, *args)

    def get(self, path):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            with urllib.request.urlopen(self.url + path, context=context, timeout=10) as r:
                return r.status, r.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """The exit status, after SIGINT if it still runs."""
        if self.process.poll() is None:
            self.signal(signal.SIGINT)
        try:
            return self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.reader.join()
            self.process.stderr.close()
            self.dir.cleanup()


class CommandLine(unittest.TestCase):
    def test_help_lists_every_key_of_the_example(self):
        keys = re.findall(r'^(\w+) =', run(IMSGW, '--print-example').stdout, re.M)
        text = run(IMSGW, '--help').stdout
        self.assertGreater(len(keys), 15)
        for key in keys:
            self.assertRegex(text, rf'(?m)^  {key}$')

    def test_example_passes_the_check(self):
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as f:
            f.write(run(IMSGW, '--print-example').stdout)
            f.flush()
            r = run(IMSGW, '--check', '-c', f.name)
            self.assertEqual((r.returncode, r.stderr), (0, ''))

    def test_check_names_file_line_key_and_range(self):
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as f:
            f.write('domain = ims.test\nworkers = 0\n')
            f.flush()
            r = run(IMSGW, '--check', '-c', f.name)
            self.assertEqual(r.returncode, 1)
            self.assertEqual(r.stderr, f'{f.name}:2: workers: value out of range: "0"; accepted: 1 to 64 threads\n')

    def test_environment_is_checked_too(self):
        r = run(IMSGW, '--check', env=dict(os.environ, IMSGW_WORKERS='many'))
        self.assertEqual(r.returncode, 1)
        self.assertIn('environment: workers: syntax error: "many"', r.stderr)

    def test_wrong_usage_is_status_2(self):
        self.assertEqual(run(IMSGW, '--nonsense').returncode, 2)
        self.assertEqual(run(IMSGW, 'stray').returncode, 2)
        self.assertEqual(run(CTL).returncode, 2)

    def test_imsgwctl_says_that_nobody_answers(self):
        r = run(CTL, '--socket', '/nonexistent/imsgw.sock', 'status')
        self.assertEqual((r.returncode, r.stderr), (3, 'imsgwctl: /nonexistent/imsgw.sock: No such file or directory\n'))


class Running(unittest.TestCase):
    def setUp(self):
        self.gw = Gateway()
        self.addCleanup(self.gw.end)
        self.gw.wait('boot: imsgw .* ready')

    def test_health_and_metrics_answer(self):
        self.assertEqual(self.gw.get('/healthz')[0], 200)
        status, text = self.gw.get('/metrics')
        self.assertEqual(status, 200)
        self.assertRegex(text, r'(?m)^imsgw_log_dropped_total 0$')
        self.assertEqual(self.gw.ctl('metrics').stdout.count('# TYPE'), text.count('# TYPE'))

    def test_imsgwctl_shows_the_state(self):
        r = self.gw.ctl('--json', 'status')
        self.assertEqual(r.returncode, 0, r.stderr)
        status = json.loads(r.stdout)
        self.assertEqual((status['state'], status['calls'], status['contexts'], status['registrations']),
                         ('running', 0, 0, 0))
        self.assertRegex(self.gw.ctl('status').stdout, r'(?m)^state +running$')
        self.assertEqual(self.gw.ctl('calls').stdout, 'none\n')
        self.assertEqual(self.gw.ctl('registrations').stdout, 'none\n')
        r = self.gw.ctl('call', 'nonsense')
        self.assertEqual((r.returncode, r.stderr), (1, 'imsgwctl: not found\n'))

    def test_log_level_is_set(self):
        self.assertEqual(self.gw.ctl('log-level', 'debug').returncode, 0)
        self.gw.wait('log level is debug')
        self.assertEqual(self.gw.ctl('log-level', 'loud').returncode, 1)

    def test_sighup_reloads_what_can_be_reloaded(self):
        self.gw.write_conf(drain_timeout=7, workers=2)
        self.gw.signal(signal.SIGHUP)
        self.gw.wait('workers: changed, but needs a restart')
        self.gw.wait('reloaded, 1 keys changed')
        self.gw.write_conf(workers='many')
        self.gw.signal(signal.SIGHUP)
        self.gw.wait(r'not reloaded: .*imsgw\.conf:\d+: workers: syntax error')
        self.assertEqual(self.gw.get('/healthz')[0], 200)

    def test_sigterm_without_calls_ends_in_order(self):
        self.gw.signal(signal.SIGTERM)
        self.gw.wait('draining, 0 calls left')
        self.assertEqual(self.gw.process.wait(WAIT_S), 0)
        self.gw.wait('boot: ended')
        self.assertFalse(os.path.exists(self.gw.socket))

    def test_imsgwctl_drain_ends_in_order(self):
        self.assertEqual(self.gw.ctl('drain').returncode, 0)
        self.assertEqual(self.gw.process.wait(WAIT_S), 0)

    def test_sigint_ends_in_order(self):
        self.gw.signal(signal.SIGINT)
        self.assertEqual(self.gw.process.wait(WAIT_S), 0)
        self.gw.wait('ending, interrupted')

    def test_a_second_process_says_what_is_in_its_way(self):
        r = run(IMSGW, '-c', self.gw.conf)
        self.assertEqual(r.returncode, 1)
        self.assertRegex(r.stderr, r'cannot start: .*(127\.0\.0\.1|admin_socket)')
        self.assertEqual(self.gw.get('/healthz')[0], 200)


class Certificate(unittest.TestCase):
    def make(self, directory, name):
        r = run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days',
                '1', '-subj', f'/CN={name}', '-keyout', f'{directory}/key.pem', '-out', f'{directory}/cert.pem')
        self.assertEqual(r.returncode, 0, r.stderr)

    def served(self, gw):
        pem = ssl.get_server_certificate(('127.0.0.1', int(gw.url.rsplit(':', 1)[1])))
        return run('openssl', 'x509', '-noout', '-subject', input=pem).stdout.strip()

    def test_sighup_takes_a_renewed_certificate_and_refuses_a_broken_one(self):
        with tempfile.TemporaryDirectory(prefix='imsgw-test.') as directory:
            self.make(directory, 'first')
            gw = Gateway(tls_cert=f'{directory}/cert.pem', tls_key=f'{directory}/key.pem')
            self.addCleanup(gw.end)
            gw.wait('ready')
            self.assertEqual(self.served(gw), 'subject=CN = first')
            self.make(directory, 'second')
            gw.signal(signal.SIGHUP)
            gw.wait('reloaded, 0 keys changed')
            until = time.monotonic() + WAIT_S
            while self.served(gw) != 'subject=CN = second' and time.monotonic() < until:
                time.sleep(0.05)
            self.assertEqual(self.served(gw), 'subject=CN = second')
            with open(f'{directory}/cert.pem', 'w') as f:
                f.write('not a certificate')
            gw.signal(signal.SIGHUP)
            gw.wait('not reloaded: .*tls_cert: no PEM certificate in the file')
            self.assertEqual(self.served(gw), 'subject=CN = second')


class Logs(unittest.TestCase):
    def test_json_log_is_json(self):
        gw = Gateway(log_format='json')
        try:
            gw.wait('ready')
        finally:
            self.assertEqual(gw.end(), 0)
        for line in gw.lines:
            self.assertLessEqual({'ts', 'level', 'room', 'msg'}, set(json.loads(line)))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
