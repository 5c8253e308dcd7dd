"""A command on a terminal of its own, steered by JSON lines.

usage: pseudo_terminal.py COLUMNS ROWS COMMAND...

stdin:  {"keys": "q"}  {"size": [60, 10]}  {"signal": 15}
stdout: {"pid": 1}  {"out": "base64 of what came"}  {"end": {"code": 0, "signal": null, "modes": [before, after]}}

The modes are the local flags of the terminal: echo, lines, signals by keys. The command is killed when stdin ends.
"""

import base64
import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios


def tell(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def resize(terminal, columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def modes_of(terminal):
    return termios.tcgetattr(terminal)[3]


def take_terminal():
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def drain(terminal):
    while select.select([terminal], [], [], 0.05)[0]:
        tell({"out": base64.b64encode(os.read(terminal, 65536)).decode()})


columns, rows, *command = sys.argv[1:]
terminal, own = os.openpty()
resize(terminal, int(columns), int(rows))
before = modes_of(own)
child = subprocess.Popen(command, stdin=own, stdout=own, stderr=own, preexec_fn=take_terminal)
tell({"pid": child.pid})
orders = b""
while child.poll() is None:
    ready, _, _ = select.select([terminal, 0], [], [], 0.02)
    if terminal in ready:
        tell({"out": base64.b64encode(os.read(terminal, 65536)).decode()})
    if 0 in ready:
        chunk = os.read(0, 65536)
        if not chunk:
            child.kill()
            break
        orders += chunk
        while b"\n" in orders:
            line, orders = orders.split(b"\n", 1)
            order = json.loads(line)
            if "keys" in order:
                os.write(terminal, order["keys"].encode())
            if "size" in order:
                resize(terminal, *order["size"])
                # The kernel tells the foreground group of the terminal; that is the command.
            if "signal" in order:
                child.send_signal(order["signal"])
code = child.wait()
drain(terminal)
tell(
    {
        "end": {
            "code": code if code >= 0 else None,
            "signal": signal.Signals(-code).name if code < 0 else None,
            "modes": [before, modes_of(own)],
        }
    }
)
