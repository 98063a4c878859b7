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
        """`watch`: (bytes wanted predicate, milliseconds) reads a stream until it holds or time is up."""
        context = self.admin if is_admin else self.nobody
        for attempt in (0, 1):
            connection = self._connection(context, watch is not None)
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
                self.kept.pop(id(context), None)
                if attempt or self.process.poll() is not None:
                    raise
        names = {name.lower(): value for name, value in answer.getheaders()}
        warnings = answer.headers.get_all("Warning")
        if warnings:
            names["warning"] = ", ".join(warnings)
        if watch is None:
            data = answer.read()
        else:
            data = self._stream(connection, answer, *watch)
            connection.close()
        if names.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        return answer.status, names, data

    def _stream(self, connection, answer, is_enough, milliseconds):
        """What a watch says within so much virtual time, or until it is enough."""
        data, left = b"", milliseconds
        while not is_enough(data):
            if connection.sock is not None:
                connection.sock.settimeout(0.02)
            try:
                more = answer.read1(65536)
                if not more:
                    break
                data += more
            except (socket.timeout, TimeoutError):
                if left <= 0:
                    break
                left -= WATCH_STEP_MS
                self.step(WATCH_STEP_MS)
            except ValueError:
                break
        return data

    def get(self, path):
        status, _, data = self.request("GET", path, {"Accept": "application/json"})
        return json.loads(data) if status == 200 else None

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.returncode
