#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client of WebSockets for the tests, as other clients than kubectl are: prints what comes, message by message.

Usage: websocket.py KUBECONFIG PATH PROTOCOLS [SENT...]
SENT are messages as Python escapes (sent as text with a base64 protocol, else as bytes); "~N" waits N seconds. It ends when the
server closes, or 2 s after the last one was sent. The first line is the status of the handshake and the protocol."""
import base64
import hashlib
import os
import select
import socket
import ssl
import struct
import sys
import tempfile
import time

kubeconfig, path, protocols, sent = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
found = {}
for line in open(kubeconfig):
    key, _, value = line.strip().lstrip("- ").partition(": ")
    if key in ("server", "client-certificate-data", "client-key-data"):
        found[key] = value.strip('"')
host, port = found["server"].split("//")[1].split(":")
with tempfile.NamedTemporaryFile() as pem:
    pem.write(base64.b64decode(found["client-certificate-data"]) + base64.b64decode(found["client-key-data"]))
    pem.flush()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(pem.name)
s = context.wrap_socket(socket.create_connection((host, int(port)), timeout=20))
key = base64.b64encode(os.urandom(16)).decode()
head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
head += f"Sec-WebSocket-Key: {key}\r\n" + (f"Sec-WebSocket-Protocol: {protocols}\r\n" if protocols else "") + "\r\n"
s.sendall(head.encode())
data = b""
while b"\r\n\r\n" not in data:
    piece = s.recv(4096)
    if not piece:
        sys.exit("closed")
    data += piece
answer, data = data.split(b"\r\n\r\n", 1)
lines = answer.decode().split("\r\n")
headers = {k.lower(): v for k, v in (l.split(": ", 1) for l in lines[1:])}
print(lines[0].split(" ", 1)[1], headers.get("sec-websocket-protocol", "-"), flush=True)
if not lines[0].startswith("HTTP/1.1 101"):
    print(data.decode())
    sys.exit(1)
expected = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
assert headers["sec-websocket-accept"] == expected


def send(opcode, payload):
    mask = os.urandom(4)
    size = bytes([128 | len(payload)]) if len(payload) < 126 else bytes([254]) + struct.pack(">H", len(payload))
    s.sendall(bytes([128 | opcode]) + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))


def frames(until):
    """Reads for so long; False when the server has said good-bye."""
    global data
    while True:
        while len(data) >= 2:
            opcode, size, at = data[0] & 15, data[1] & 127, 2
            if size == 126:
                size, at = int.from_bytes(data[2:4], "big"), 4
            elif size == 127:
                size, at = int.from_bytes(data[2:10], "big"), 10
            if len(data) < at + size:
                break
            payload, data = data[at:at + size], data[at + size:]
            if opcode == 8:
                print("close", struct.unpack(">H", payload[:2])[0] if payload else "-", flush=True)
                send(8, payload)
                return False
            print(("text " if opcode == 1 else "bytes ") + repr(payload.decode("latin1")), flush=True)
        left = until - time.time()
        if left <= 0:
            return True
        if s.pending() or select.select([s], [], [], left)[0]:
            piece = s.recv(65536)
            if not piece:
                print("cut", flush=True)
                return False
            data += piece


alive = frames(time.time() + 0.5)
for message in sent:
    if not alive:
        break
    if message.startswith("~"):
        alive = frames(time.time() + float(message[1:]))
        continue
    send(1 if "base64" in protocols else 2, message.encode().decode("unicode_escape").encode("latin1"))
    alive = frames(time.time() + 0.3)
if alive:
    frames(time.time() + 2)
