#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad clients against `wavetank serve`: each gets a clear refusal or a closed connection, and none crashes the server,
keeps its memory or its file descriptors, or keeps a good client beside it from being answered.

Usage: hostile.py PROGRAM SCRATCH [--memory]      --memory: also that memory comes back (not with sanitizers)
Prints a line for each thing that is not as it should be; exit status 0: none.
"""
import base64, json, os, re, resource, signal, socket, ssl, struct, subprocess, sys, time

program, scratch = sys.argv[1], sys.argv[2]
check_memory = '--memory' in sys.argv
failures = 0


def fail(text):
    global failures
    failures += 1
    print('hostile: ' + text, flush=True)


# ---- the server ----

class Server:
    def __init__(self, *arguments, files=0):
        self.kubeconfig = os.path.join(scratch, 'hostile.kubeconfig')
        self.log = open(os.path.join(scratch, 'hostile.log'), 'w+')
        limit = ['sh', '-c', 'ulimit -n %d; exec "$0" "$@"' % files] if files else []
        self.process = subprocess.Popen([*limit, program, 'serve', '--listen', '127.0.0.1:0', '--kubeconfig', self.kubeconfig,
                                         *arguments], stdout=self.log, stderr=self.log)
        for _ in range(200):
            if 'try ' in open(self.log.name).read():
                break
            time.sleep(0.05)
        text = open(self.kubeconfig).read()
        self.port = int(re.search(r'https://127\.0\.0\.1:(\d+)', text).group(1))
        for name in ('certificate-authority', 'client-certificate', 'client-key'):
            data = re.search(name + r'-data: *"?([A-Za-z0-9+/=]+)', text).group(1)
            open(self.file(name), 'wb').write(base64.b64decode(data))
        self.context = self.tls(True)
        self.anonymous = self.tls(False)

    def file(self, name):
        return os.path.join(scratch, 'hostile.' + name)

    def tls(self, with_certificate):
        context = ssl.create_default_context(cafile=self.file('certificate-authority'))
        if with_certificate:
            context.load_cert_chain(self.file('client-certificate'), self.file('client-key'))
        return context

    def tcp(self, timeout=6):
        return socket.create_connection(('127.0.0.1', self.port), timeout=timeout)

    def connect(self, context=None, timeout=6):
        return (context or self.context).wrap_socket(self.tcp(timeout), server_hostname='127.0.0.1')

    def status(self, name):
        for line in open('/proc/%d/status' % self.process.pid):
            if line.startswith(name):
                return int(line.split()[1])
        return 0

    def files(self):
        return len(os.listdir('/proc/%d/fd' % self.process.pid))

    def is_alive(self):
        return self.process.poll() is None

    def end(self):
        if self.is_alive():
            self.process.send_signal(signal.SIGINT)
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = 'none: it did not end'
        if status != 0:
            fail('serve ended with status %s:\n%s' % (status, open(self.log.name).read()[-4000:]))


def read_all(connection, most=1 << 22):
    data = b''
    try:
        while len(data) < most:
            block = connection.recv(65536)
            if not block:
                break
            data += block
    except (ConnectionError, ssl.SSLError, socket.timeout):
        pass
    return data


def read_answer(connection):
    """One answer with a length: status and body."""
    data = b''
    while b'\r\n\r\n' not in data:
        block = connection.recv(65536)
        if not block:
            return 0, b''
        data += block
    head, body = data.split(b'\r\n\r\n', 1)
    length = int(re.search(rb'(?i)content-length: *(\d+)', head).group(1))
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), body


class GoodClient:
    """Somebody who asks for nodes and writes ConfigMaps all the while, on one connection."""

    def __init__(self, server):
        self.server = server
        self.connection = None
        self.writes = 0

    def ask(self, method, path, body=b''):
        for attempt in (0, 1):
            try:
                if not self.connection:
                    self.connection = self.server.connect()
                self.connection.sendall(b'%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n'
                                        b'\r\n%s' % (method, path, len(body), body))
                status, answer = read_answer(self.connection)
                if status:
                    return status, answer
            except OSError as e:
                if attempt:
                    return 0, str(e).encode()
            self.connection = None  # an idle one may have been closed
        return 0, b''

    def work(self, during):
        self.writes += 1
        body = b'{"metadata":{"name":"good-%d"},"data":{"a":"b"}}' % self.writes
        for method, path, wanted, data in (
                (b'GET', b'/api/v1/nodes', 200, b''),
                (b'POST', b'/api/v1/namespaces/default/configmaps', 201, body),
                (b'DELETE', b'/api/v1/namespaces/default/configmaps/good-%d' % self.writes, 200, b'')):
            status, answer = self.ask(method, path, data)
            if status != wanted:
                fail('%s: a good client beside it: %s %s gave %d %s' % (during, method, path, status, answer[:200]))
                return


# ---- single requests: what is sent, and what must come back (b'': closed without a word) ----

H = b'Host: x\r\n'
POD = b'/api/v1/namespaces/default/pods'
CM = b'/api/v1/namespaces/default/configmaps'


def post(body, path=CM, kind=b'application/json', more=b''):
    return b'POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s' % (
        path, kind, len(body), more, body)


def get(path, more=b''):
    return b'GET ' + path + b' HTTP/1.1\r\nHost: x\r\n' + more + b'Connection: close\r\n\r\n'


PLAIN = [
    ('plain HTTP on the TLS port', b'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
     b'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'),
    ('a plain POST', b'POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc', b'HTTP/1.0 400 .*HTTPS server'),
    ('a plain HTTP/2 preface', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b''),
    ('noise', bytes(range(200, 256)) * 40, b''),
    ('zeros', b'\0' * 4096, b''),
    ('SSH', b'SSH-2.0-OpenSSH_9.2\r\n', b''),
    ('a TLS record head and noise', b'\x16\x03\x01\x02\x00' + b'\xff' * 512, None),
    ('a TLS record too long', b'\x16\x03\x01\xff\xff' + b'\x01' * 70000, None),
    ('an alert first', b'\x15\x03\x01\x00\x02\x02\x28', None),
    ('a ClientHello cut off', b'\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03' + b'\x11' * 40, None),
    ('SSL 2', b'\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10' + b'\x01' * 40, b''),
]
REQUESTS = [
    # the line
    ('a line of noise', b'\xff\xfe\xfd\xfc\r\n\r\n', b'HTTP/1.[01] 400 |^$'),
    ('HTTP/0.9', b'GET /\r\n\r\n', b'HTTP/1.[01] 400 '),
    ('HTTP/1.0', b'GET /healthz HTTP/1.0\r\n\r\n', b'HTTP/1.[01] 200 .*ok$'),
    ('HTTP/2.0 in words', b'GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n', b'HTTP/1.[01] 505 '),
    ('HTTP/2 preface', b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', b'HTTP/1.[01] (400|505) '),
    ('no such version', b'GET /healthz HTTP/1.x\r\nHost: x\r\n\r\n', b'HTTP/1.[01] 400 '),
    ('no such protocol', b'GET /healthz ICAP/1.0\r\nHost: x\r\n\r\n', b'HTTP/1.[01] 400 '),
    ('a blank in the target', b'GET /api /v1 HTTP/1.1\r\nHost: x\r\n\r\n', b'HTTP/1.1 400 .*400 Bad Request'),
    ('a zero byte in the target', b'GET /api\0/v1 HTTP/1.1\r\nHost: x\r\n\r\n', b'HTTP/1.1 400 '),
    ('a control byte in the target', b'GET /api\x01 HTTP/1.1\r\nHost: x\r\n\r\n', b'HTTP/1.1 400 '),
    ('no slash', b'GET api HTTP/1.1\r\nHost: x\r\n\r\n', b'HTTP/1.1 400 .*400 Bad Request'),
    ('a star', b'GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b'HTTP/1.1 4..'),
    ('an absolute target', b'GET http://x/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b'HTTP/1.1 200 '),
    ('a method that is none', b'G@T /healthz HTTP/1.1\r\nHost: x\r\n\r\n', b'HTTP/1.1 400 '),
    ('a method nobody knows', b'BREW ' + CM + b' HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b'HTTP/1.1 405 .*MethodNotAllowed'),
    ('HEAD of a resource', b'HEAD ' + CM + b' HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b'HTTP/1.1 405 '),
    ('OPTIONS of a resource', b'OPTIONS ' + CM + b' HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b'HTTP/1.1 405 '),
    ('TRACE', b'TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b'HTTP/1.1 (200|4..) '),
    ('CONNECT', b'CONNECT x:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b'HTTP/1.1 4'),
    ('a long target', get(b'/api/v1/pods?labelSelector=' + b'a' * 20000), b'HTTP/1.1 (400|414) '),
    ('an enormous target', get(b'/' + b'a' * 300000), b'HTTP/1.[01] (414|431) |^$'),
    # headers
    ('no Host', b'GET /healthz HTTP/1.1\r\n\r\n', b'HTTP/1.1 400 .*missing required Host header'),
    ('two Hosts', b'GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', b'HTTP/1.1 400 .*too many Host headers'),
    ('a bad Host', b'GET /healthz HTTP/1.1\r\nHost: <x>\r\n\r\n', b'HTTP/1.1 400 .*malformed Host header'),
    ('a header without a colon', b'GET /healthz HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n', b'HTTP/1.1 400 '),
    ('a blank before the colon', b'GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\n', b'HTTP/1.1 400 '),
    ('a control byte in a value', b'GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\x01b\r\n\r\n', b'HTTP/1.1 400 .*invalid header value'),
    ('ten thousand headers', b'GET /healthz HTTP/1.1\r\nHost: x\r\n' + b''.join(b'X-%d: y\r\n' % i for i in range(10000)) + b'\r\n',
     b'HTTP/1.[01] 4|^$'),
    ('a header of a megabyte', b'GET /healthz HTTP/1.1\r\nHost: x\r\nX: ' + b'y' * 1000000 + b'\r\n\r\n', b'HTTP/1.[01] 431 |^$'),
    ('Expect: something', b'GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n', b'HTTP/1.1 417 '),
    ('Expect: 100-continue', post(b'{"metadata":{"generateName":"h-"}}', more=b'Expect: 100-continue\r\nConnection: close\r\n'),
     b'HTTP/1.1 (100 Continue\r\n\r\nHTTP/1.1 )?201 '),
    # where a request ends
    ('two lengths', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!', b'HTTP/1.1 400 '),
    ('a length of minus one', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n', b'HTTP/1.1 400 '),
    ('a length of plus five', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello', b'HTTP/1.1 400 '),
    ('a length in hex', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello', b'HTTP/1.1 400 '),
    ('an immense length', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n', b'HTTP/1.1 4(00|13) '),
    ('4 GiB announced', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4294967296\r\n\r\n',
     b'HTTP/1.1 413 .*limit is 3145728'),
    ('a length and chunks', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3\r\n'
     b'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n22\r\n{"metadata":{"generateName":"h-"}}\r\n0\r\n\r\n', b'HTTP/1.1 201 '),
    ('gzip, chunked', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', b'HTTP/1.1 501 .*Unsupported transfer encoding'),
    ('xchunked', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n', b'HTTP/1.1 501 '),
    ('chunked twice', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
     b'HTTP/1.1 501 '),
    ('a chunk of size zz', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n', b'HTTP/1.1 400 |^$'),
    ('a chunk of size -5', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n', b'HTTP/1.1 400 |^$'),
    ('a chunk of immense size', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello\r\n', b'HTTP/1.1 4|^$'),
    ('a chunk without an end', b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n', b'HTTP/1.1 400 |^$'),
    ('two requests in one', get(b'/healthz').replace(b'Connection: close\r\n', b'') + get(b'/livez'),
     b'(?s)HTTP/1.1 200 .*HTTP/1.1 200 '),
    # paths
    ('dots', get(b'/api/v1/namespaces/../pods'), b'HTTP/1.1 200 .*"items":\\[\\]'),
    ('dots, escaped', get(b'/api/v1/namespaces/%2e%2e/pods'), b'HTTP/1.1 200 .*"items":\\[\\]'),
    ('dots that lead out', get(b'/api/v1/../../../../etc/passwd'), b'HTTP/1.1 404 '),
    ('a name of dots', get(POD + b'/..'), b'HTTP/1.1 400 .*Name parameter invalid: ..\\.\\...: may not be .\\.\\..'),
    ('a name with a percent sign', get(POD + b'/a%25b'), b'HTTP/1.1 400 .*may not contain .%'),
    ('a slash at the end', get(POD + b'/'), b'HTTP/1.1 200 '),
    ('slashes', get(b'//api//v1//pods'), b'HTTP/1.1 (30.|40[034]) '),
    ('an escaped slash', get(POD + b'/a%2Fb'), b'HTTP/1.1 404 '),
    ('an escaped zero', get(POD + b'/a%00b'), b'HTTP/1.1 404 '),
    ('half an escape', get(POD + b'/a%2'), b'HTTP/1.1 400 '),
    ('no escape', get(POD + b'/a%zz'), b'HTTP/1.1 400 '),
    ('UTF-8 too long', get(POD + b'/%c0%ae%c0%ae'), b'HTTP/1.1 404 '),
    ('no UTF-8', get(POD + b'/%ff%fe'), b'HTTP/1.1 404 '),
    ('a name of 20,000 bytes', get(POD + b'/' + b'a' * 20000), b'HTTP/1.1 404 '),
    ('a thousand segments', get(b'/api/v1' + b'/a' * 1000), b'HTTP/1.1 40[04] '),
    ('ten thousand options', get(POD + b'?' + b'&'.join(b'a=%d' % (i % 10) for i in range(5000))), b'HTTP/1.1 (200|414|431) |^$'),
    # options
    ('limit: a word', get(POD + b'?limit=abc'), b'HTTP/1.1 400 .*strconv.ParseInt'),
    ('limit: too large', get(POD + b'?limit=99999999999999999999'), b'HTTP/1.1 400 .*value out of range'),
    ('limit: -1', get(POD + b'?limit=-1'), b'HTTP/1.1 (200|4..) '),
    ('a selector of brackets', get(POD + b'?labelSelector=' + b'(' * 5000), b'HTTP/1.1 400 '),
    ('a long set', get(POD + b'?labelSelector=a+in+(' + b'b,' * 9000 + b'b)'), b'HTTP/1.1 200 '),
    ('a token of noise', get(POD + b'?continue=' + base64.b64encode(bytes(range(256)))), b'HTTP/1.1 400 '),
    ('a token of nothing', get(POD + b'?continue=%00'), b'HTTP/1.1 400 '),
    ('timeoutSeconds: immense', get(POD + b'?watch=1&timeoutSeconds=99999999999999999999'), b'HTTP/1.1 400 '),
    ('an immense version', get(POD + b'?resourceVersion=18446744073709551615'), b'HTTP/1.1 [45]..'),
    ('Accept: noise', get(POD, b'Accept: ;;;,,,q=\xff;as=\r\n'), b'HTTP/1.1 (200|400|406) '),
    ('Accept: a thousand', get(POD, b'Accept: ' + b','.join(b'a/b%d' % i for i in range(2000)) + b'\r\n'), b'HTTP/1.1 406 '),
    ('a bad entity tag', get(b'/openapi/v3', b'If-None-Match: ' + b'"x' * 5000 + b'\r\n'), b'HTTP/1.1 200 '),
    ('a range', get(b'/version', b'Range: bytes=5-1\r\n'), b'HTTP/1.1 200 '),
    ('a token that is none', get(POD, b'Authorization: Bearer ' + b'x' * 9000 + b'\r\n'), b'HTTP/1.1 (200|401) '),
    # bodies
    ('an empty body', post(b'', more=b'Connection: close\r\n'), b'HTTP/1.1 4'),
    ('a body cut off', post(b'{"metadata":{"name":', more=b'Connection: close\r\n'), b'HTTP/1.1 400 '),
    ('deep arrays', post(b'[' * 100000, more=b'Connection: close\r\n'), b'HTTP/1.1 400 '),
    ('deep objects', post(b'{"a":' * 200000 + b'1' + b'}' * 200000, more=b'Connection: close\r\n'), b'HTTP/1.1 400 '),
    ('deep YAML', post(b'[' * 50000, kind=b'application/yaml', more=b'Connection: close\r\n'), b'HTTP/1.1 400 '),
    ('deep YAML by blanks', post(b''.join(b' ' * i + b'a:\n' for i in range(2000)), kind=b'application/yaml', more=b'Connection: close\r\n'),
     b'HTTP/1.1 4'),
    ('aliases of aliases', post(b'a: &a [x,x,x,x,x,x,x,x,x]\n' + b''.join(
        b'%c: &%c [%s]\n' % (98 + i, 98 + i, b','.join([b'*%c' % (97 + i)] * 9)) for i in range(9)),
        kind=b'application/yaml', more=b'Connection: close\r\n'), b'HTTP/1.1 4'),
    ('deep protobuf', post(b'k8s\0' + b'\x0a\x7f' * 60000, kind=b'application/vnd.kubernetes.protobuf', more=b'Connection: close\r\n'), b'HTTP/1.1 400 '),
    ('protobuf of an immense length', post(b'k8s\0\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f', kind=b'application/vnd.kubernetes.protobuf', more=b'Connection: close\r\n'),
     b'HTTP/1.1 400 '),
    ('an immense number', post(b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"n","generation":1e999999}}', more=b'Connection: close\r\n'),
     b'HTTP/1.1 4'),
    ('a number of 100,000 digits', post(b'{"metadata":{"name":"n","generation":' + b'9' * 100000 + b'}}', more=b'Connection: close\r\n'), b'HTTP/1.1 4'),
    ('no UTF-8 in a body', post(b'{"metadata":{"name":"\xff\xfe"}}', more=b'Connection: close\r\n'), b'HTTP/1.1 4'),
    ('zero bytes in a body', post(b'{"metadata":{"name":"a\0b"}}', more=b'Connection: close\r\n'), b'HTTP/1.1 4'),
    ('a zero byte in a name', post(b'{"metadata":{"name":"a\\u0000b"}}', more=b'Connection: close\r\n'), b'HTTP/1.1 422 '),
    ('half a surrogate', post(b'{"metadata":{"name":"\\ud800"}}', more=b'Connection: close\r\n'), b'HTTP/1.1 4'),
    ('everything of the wrong type', post(b'{"metadata":[],"data":7}', more=b'Connection: close\r\n'), b'HTTP/1.1 400 '),
    ('another kind', post(b'{"kind":"Pod","apiVersion":"v1","metadata":{"name":"n"}}', more=b'Connection: close\r\n'), b'HTTP/1.1 400 '),
    ('an array', post(b'[1,2,3]', more=b'Connection: close\r\n'), b'HTTP/1.1 400 '),
    ('gzip', post(b'\x1f\x8b\x08\0\0\0\0\0\0\x03' + b'\xff' * 1000, more=b'Content-Encoding: gzip\r\nConnection: close\r\n'), b'HTTP/1.1 400 '),
    ('3 MiB and one byte', post(b'x' * (3 * 1024 * 1024 + 1), more=b'Connection: close\r\n'), b'HTTP/1.1 413 |^$'),
    ('3 MiB of keys', post(b'{' + b','.join(b'"%x":1' % i for i in range(250000)) + b'}', more=b'Connection: close\r\n'), b'HTTP/1.1 4'),
    ('a patch of a million steps', b'PATCH ' + CM + b'/kube-root-ca.crt HTTP/1.1\r\nHost: x\r\nContent-Type: application/json-patch+json\r\nConnection: close\r\n'
     b'Content-Length: %d\r\n\r\n' % (2 + 50 * 20000 - 1) + b'[' + b','.join([b'{"op":"test","path":"/kind","value":"ConfigMap"}   '[:49]] * 20000) + b']', b'HTTP/1.1 4'),
]


def single_requests(server, good):
    for name, sent, wanted in PLAIN:
        with server.tcp() as c:
            try:
                c.sendall(sent)
                if wanted is None:
                    c.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            answer = read_all(c)
        if wanted is not None and (answer != b'' if wanted == b'' else not re.search(wanted, answer, re.S)):
            fail('%s: answered %r' % (name, answer[:200]))
    good.work('bytes that are no TLS')
    for name, sent, wanted in REQUESTS:
        if not server.is_alive():
            fail('the server has died before: ' + name)
            return
        began = time.monotonic()
        try:
            with server.connect() as c:
                try:
                    c.sendall(sent)
                except OSError:
                    pass  # it has been refused before all of it was sent
                answer = read_all(c) if b'HTTP/1.1 200' not in wanted or b'close' in sent else read_all(c)
        except OSError as e:
            answer = b''
        if not re.search(wanted, answer, re.S):
            fail('%s: expected %r, answered %r' % (name, wanted, answer[:300]))
        good.work(name)
        if os.environ.get('HOSTILE_TIMES'):
            print('%6.2f %s' % (time.monotonic() - began, name), flush=True)


# ---- many at once ----

def many(server, good, name, count, begin, end=None):
    """Opens `count` connections with `begin`, looks whether a good client is served, and lets them go."""
    held = []
    began = time.monotonic()
    for i in range(count):
        try:
            held.append(begin(i))
        except OSError as e:
            fail('%s: number %d was refused: %s' % (name, i, e))
            break
        if i % 500 == 0:
            good.work(name)
    good.work(name)
    if end:
        end(held)
    for c in held:
        c.close()
    good.work(name + ', afterwards')
    if os.environ.get('HOSTILE_TIMES'):
        print('%6.2f %d %s' % (time.monotonic() - began, count, name), flush=True)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()


def tls_sent(server, data, context=None):
    c = server.connect(context)
    c.sendall(data)
    return c


def half_hello(server):
    c = server.tcp()
    c.sendall(b'\x16\x03\x01\x00\xc8\x01\x00')
    return c


def crowds(server, good, files_max):
    many(server, good, 'idle connections', min(10000, files_max), lambda i: server.tcp())
    many(server, good, 'half a handshake', min(2000, files_max), lambda i: half_hello(server))
    many(server, good, 'idle after the handshake', 500, lambda i: server.connect())
    many(server, good, 'half a head', 300, lambda i: tls_sent(server, b'GET /api/v1/pods HTTP/1.1\r\nHo'))
    many(server, good, 'half a body', 300, lambda i: tls_sent(server, b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{'))
    many(server, good, 'chunks without end', 100, lambda i: tls_sent(
        server, b'POST ' + CM + b' HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n'))
    many(server, good, 'answers that nobody reads', 100, lambda i: tls_sent(
        server, b'GET /openapi/v2 HTTP/1.1\r\nHost: x\r\n\r\n' * 20))
    many(server, good, 'watches', 1000, lambda i: tls_sent(server, b'GET ' + CM + b'?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n'), watches_hear(server, good))
    many(server, good, 'watches of everything that nobody reads', 100, lambda i: tls_sent(
        server, b'GET /api/v1/%s?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n' % (b'events' if i % 2 else b'configmaps')), lambda held: busy(good))
    many(server, good, 'resets', 500, lambda i: cut(server, i))


def cut(server, i):
    c = tls_sent(server, post(b'{"metadata":{"generateName":"cut-"}}', more=b'')[:20 + i % 150])
    reset(c)
    return c


def busy(good):
    for _ in range(50):
        good.work('while watches are not read')


def watches_hear(server, good):
    def hear(held):
        status, _ = good.ask(b'POST', CM, b'{"metadata":{"name":"told"},"data":{"a":"' + b'x' * 10000 + b'"}}')
        for i, c in enumerate(held):
            data = b''
            while b'"name":"told"' not in data:
                block = c.recv(65536)
                if not block:
                    fail('watch %d ended: %r' % (i, data[:200]))
                    return
                data += block
        good.ask(b'DELETE', CM + b'/told')
    return hear


def settled(server, files):
    """File descriptors come back."""
    for _ in range(100):
        if server.files() <= files + 2:
            return
        time.sleep(0.1)
    fail('%d files are open, %d were before' % (server.files(), files))


def transport(server):
    """What good clients ask of TLS: another protocol that is not there, and a session again."""
    context = server.tls(True)
    context.set_alpn_protocols(['h2', 'http/1.1'])
    session = None
    for i in range(2):
        c = context.wrap_socket(server.tcp(), server_hostname='127.0.0.1', session=session)
        c.sendall(b'GET /api/v1/nodes HTTP/1.1\r\nHost: x\r\n\r\n')
        status, _ = read_answer(c)  # which only an administrator gets
        if status != 200 or c.selected_alpn_protocol() != 'http/1.1' or c.session_reused != (i == 1):
            fail('TLS, connection %d: status %d, protocol %s, session reused: %s' % (i, status, c.selected_alpn_protocol(), c.session_reused))
        session = c.session
        c.close()


def few_files():
    """At the limit of file descriptors: who is in is served, who comes is refused, and room that is made is used."""
    server = Server('--nodes', '1', files=400)
    good = GoodClient(server)
    good.work('few files')
    held = [server.tcp() for _ in range(600)]
    good.work('all files in use')
    for c in held:
        c.close()
    held = []
    newcomer = GoodClient(server)
    newcomer.work('files are free again')
    server.end()


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        pass
    files_max = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    files_max = max(100, min(files_max, 20000) - 400)
    server = Server('--nodes', '2', '--speed', '1')
    good = GoodClient(server)
    good.work('nobody else')
    files = server.files()
    transport(server)
    single_requests(server, good)
    settled(server, files)
    before = server.status('VmRSS')
    for part in range(2 if check_memory else 1):
        crowds(server, good, files_max)
        settled(server, files)
        if part == 0:
            first = server.status('VmRSS')
    if check_memory and server.status('VmRSS') > first * 1.1 + 4096:
        fail('memory grows: %d KiB before, %d after the first crowds, %d after the second' % (before, first, server.status('VmRSS')))
    server.end()
    few_files()
    print('hostile: %d requests, %d failures' % (len(PLAIN) + len(REQUESTS), failures))
    sys.exit(failures > 0)


main()
