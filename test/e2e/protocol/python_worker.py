"""A worker in nothing but standard-library Python: what docs/protocol.md promises to a foreign language.

usage: python_worker.py PORT [COUNT]    runs COUNT tasks, then stops taking and leaves

One thread reads, one renews leases, and handlers run in a pool, so that a slow handler never costs a lease.
"""

import json
import os
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone


class Connection:
    """JSON-RPC, one message a line. Replies are handed to whoever asked, notifications to a function."""

    def __init__(self, port, on_notification):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.on_notification = on_notification
        self.lock = threading.Lock()
        self.waiting = {}
        self.last_id = 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.socket.makefile("r", encoding="utf-8", newline="\n"):
            message = json.loads(line)
            if "method" in message:
                self.on_notification(message["method"], message["params"])
            else:
                answered, box = self.waiting.pop(message["id"])
                box.update(message)
                answered.set()

    def ask(self, method, **params):
        answered, box = threading.Event(), {}
        with self.lock:
            self.last_id += 1
            self.waiting[self.last_id] = (answered, box)
            request = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
            self.socket.sendall(json.dumps(request).encode() + b"\n")
        if not answered.wait(10):
            raise TimeoutError(method)
        if "error" in box:
            raise RuntimeError(box["error"]["message"])
        return box["result"]


class Worker:
    def __init__(self, port, count):
        self.left = count
        self.held = {}
        self.lock = threading.Lock()
        self.done = threading.Event()
        self.pool = ThreadPoolExecutor(2)
        self.connection = Connection(port, self.hear)
        me = {"id": f"python-{os.getpid()}", "pid": os.getpid(), "host": socket.gethostname()}
        self.connection.ask("session.hello", client={"name": "python_worker", "worker": me})

    def run(self):
        started = self.connection.ask("work.consume", queues=["default"], slots=2, prefetch=1)
        self.consumer, lease_ms = started["consumer"], started["leaseMs"]
        threading.Thread(target=self.renew, args=(lease_ms / 3000,), daemon=True).start()
        say("ready")
        self.done.wait()
        self.connection.ask("work.stop", consumer=self.consumer)
        self.pool.shutdown()
        say("done")

    def hear(self, method, params):
        if method == "work.deliver":
            for delivery in params["deliveries"]:
                lease = (delivery["task"]["id"], delivery["epoch"])
                with self.lock:
                    self.held[lease] = True
                self.pool.submit(self.work, lease, delivery)
        elif method == "work.revoke":
            with self.lock:
                for lease in params["leases"]:
                    self.held.pop((lease["id"], lease["epoch"]), None)

    def renew(self, every_seconds):
        while True:
            time.sleep(every_seconds)
            with self.lock:
                leases = [{"id": id, "epoch": epoch} for id, epoch in self.held]
            answer = self.connection.ask("work.extend", leases=leases, consumer=self.consumer)
            say("renewed", *[lease["id"] for lease in answer["extended"] if lease["accepted"]])

    def work(self, lease, delivery):
        id, epoch = lease
        task = delivery["task"]
        try:
            value = self.handle(task["type"], task["data"], lease)
            outcome = {"id": id, "epoch": epoch, "kind": "returned", "value": value}
        except Exception as error:
            wrong = {"name": type(error).__name__, "message": str(error), "retryable": not isinstance(error, TypeError)}
            outcome = {"id": id, "epoch": epoch, "kind": "threw", "error": wrong}
        with self.lock:
            revoked = self.held.pop(lease, None) is None
        if revoked:
            say("revoked", id)
        settled = self.connection.ask("work.settle", outcomes=[outcome])["settled"][0]
        say("settled", id, str(settled["accepted"]), str(settled["state"]))
        with self.lock:
            self.left -= 1
            if self.left == 0:
                self.done.set()

    def handle(self, type, data, lease):
        id, epoch = lease
        if type == "sumar":
            return sum(data)
        if type == "multiplicar":
            product = 1
            for number in data:
                product *= number
            return product
        if type == "lenta":
            steps = data["steps"]
            for step in range(steps):
                time.sleep(data["stepSeconds"])
                self.connection.ask("work.progress", id=id, epoch=epoch, done=step + 1, total=steps, note="paso")
                self.connection.ask("work.log", id=id, epoch=epoch, lines=[f"paso {step + 1}"])
            return "lista"
        raise ValueError(f"no handler for {type}")


def say(*words):
    """The seed's workers log with time and pid."""
    print(datetime.now(timezone.utc).isoformat(), os.getpid(), *words, flush=True)


Worker(int(sys.argv[1]), int(sys.argv[2])).run()
