# SPDX-License-Identifier: Apache-2.0
"""Starts `wavetank serve` and speaks HTTPS with it, on one connection that is kept."""
import base64
import glob
import gzip
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time

ANSWER_TIMEOUT_S = 10
WATCH_STEP_MS = 100
WATCH_PATIENCE_S = 0.02  # of the real clock, for what is under way


def unchunk(head, rest):
    """The body so far, and whether it is all of it."""
    length = re.search(rb"(?i)content-length: (\d+)", head)
    if length:
        return rest, len(rest) >= int(length.group(1))
    data = b""
    while True:
        size, end, rest = rest.partition(b"\r\n")
        if not end or not size:
            return data, False
        size = int(size, 16)
        if size == 0:
            return data, True
        data += rest[:size]
        rest = rest[size + 2:]


class Server:
    """One server; `request` returns (status, headers, body bytes)."""

    def __init__(self, program, scenario, scratch, extra=()):
        os.mkdir(os.path.join(scratch, "run"), 0o700)
        self.kubeconfig = os.path.join(scratch, "kubeconfig")
        self.log = os.path.join(scratch, "serve.log")
        command = [program, "serve", "--listen", "127.0.0.1:0", "--kubeconfig", self.kubeconfig,
                   "--speed", "paused", "-f", scenario, *extra]
        environment = dict(os.environ, XDG_RUNTIME_DIR=os.path.join(scratch, "run"))
        self.process = subprocess.Popen(command, stdout=open(self.log, "w"), stderr=subprocess.STDOUT,
                                        env=environment)
        for _ in range(200):
            if "\ntry" in open(self.log).read():
                break
            if self.process.poll() is not None:
                raise RuntimeError("serve ended:\n" + open(self.log).read())
            time.sleep(0.05)
        text = open(self.kubeconfig).read()
        self.address = re.search(r"server: \"?https://([^\s\"]+)", text).group(1)
        self.files = {}
        for key in ("certificate-authority", "client-certificate", "client-key"):
            data = re.search(key + r"-data: \"?([A-Za-z0-9+/=]+)", text).group(1)
            self.files[key] = os.path.join(scratch, key)
            with open(self.files[key], "wb") as f:
                f.write(base64.b64decode(data))
        self.admin = self._context(True)
        self.nobody = self._context(False)
        self.kept = {}
        self.control = glob.glob(os.path.join(scratch, "run", "wavetank", "*.sock"))[0]

    def step(self, milliseconds):
        """Lets so much virtual time pass; it stands otherwise, but for what an answer needs."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(ANSWER_TIMEOUT_S)
            control.connect(self.control)
            control.sendall(json.dumps({"verb": "step", "duration": "%dms" % milliseconds}).encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                more = control.recv(65536)
                if not more:
                    break
                answer += more
        if json.loads(answer).get("status") != 0:
            raise RuntimeError("step: " + answer.decode())

    def _context(self, with_certificate):
        context = ssl.create_default_context(cafile=self.files["certificate-authority"])
        context.check_hostname = False
        if with_certificate:
            context.load_cert_chain(self.files["client-certificate"], self.files["client-key"])
        return context

    def _connection(self, context, fresh):
        key = id(context)
        if fresh or key not in self.kept:
            connection = http.client.HTTPSConnection(self.address, context=context,
                                                     timeout=ANSWER_TIMEOUT_S)
            if fresh:
                return connection
            self.kept[key] = connection
        return self.kept[key]

    def request(self, method, path, headers, body=None, is_admin=True, watch=None):
        """`watch`: (whether the bytes are enough, virtual milliseconds): reads a stream for so long."""
        context = self.admin if is_admin else self.nobody
        if watch is not None:
            return self._watch(context, method, path, headers, *watch)
        for attempt in (0, 1):
            if context not in self.kept:
                self.kept[context] = http.client.HTTPSConnection(self.address, context=context,
                                                                 timeout=ANSWER_TIMEOUT_S)
            connection = self.kept[context]
            try:
                connection.putrequest(method, path, skip_accept_encoding=True)
                for name, value in headers.items():
                    connection.putheader(name, value)
                if body is not None:
                    connection.putheader("Content-Length", str(len(body)))
                connection.endheaders(body)
                answer = connection.getresponse()
                break
            except (http.client.HTTPException, OSError):
                connection.close()
                self.kept.pop(context, None)
                if attempt or self.process.poll() is not None:
                    raise
        names = {name.lower(): value for name, value in answer.getheaders()}
        warnings = answer.headers.get_all("Warning")
        if warnings:
            names["warning"] = ", ".join(warnings)
        data = answer.read()
        if names.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        return answer.status, names, data

    def _watch(self, context, method, path, headers, is_enough, milliseconds):
        """A connection of its own, on which time is let pass while nothing comes."""
        host, port = self.address.split(":")
        lines = ["%s %s HTTP/1.1" % (method, path), "Host: " + self.address]
        lines += ["%s: %s" % h for h in headers.items()] + ["", ""]
        raw, left = b"", milliseconds
        with context.wrap_socket(socket.create_connection((host, int(port)), ANSWER_TIMEOUT_S)) as s:
            s.sendall("\r\n".join(lines).encode())
            s.settimeout(WATCH_PATIENCE_S)
            while True:
                head, _, rest = raw.partition(b"\r\n\r\n")
                data, has_ended = unchunk(head, rest)
                if has_ended or (data and is_enough(data)):
                    break
                try:
                    more = s.recv(65536)
                    if not more:
                        break
                    raw += more
                except (socket.timeout, TimeoutError):
                    if left <= 0:
                        break
                    left -= WATCH_STEP_MS
                    self.step(WATCH_STEP_MS)
        fields = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:] if ": " in line]
        return int(head.split(b" ")[1]), {n.lower(): v for n, v in fields}, data

    def get(self, path):
        status, _, data = self.request("GET", path, {"Accept": "application/json"})
        return json.loads(data) if status == 200 else None

    def last_words(self):
        return open(self.log, errors="replace").read()[-1500:].replace("\n", " ; ")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.returncode
