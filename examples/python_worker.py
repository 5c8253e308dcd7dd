"""A worker with nothing but a socket and JSON (docs/protocol.md): takes tasks, renews their leases, settles them.

    python3 examples/python_worker.py [HOST] [PORT]
"""

import json
import os
import socket
import sys
import threading

host = sys.argv[1] if len(sys.argv) > 1 else "localhost"
port = int(sys.argv[2]) if len(sys.argv) > 2 else 5000


def contar(data):
    """How often each word occurs."""
    words = data["text"].split()
    return {word: words.count(word) for word in set(words)}


HANDLERS = {"contar": contar}

connection = socket.create_connection((host, port))
messages = connection.makefile("r", encoding="utf-8")
writing = threading.Lock()
held = {}  # id of a task in our hands -> its epoch


def call(number, method, params):
    line = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
    with writing:
        connection.sendall(line.encode() + b"\n")


def heartbeat(every_s):
    """A lease that is not renewed goes to another worker."""
    while not stopping.wait(every_s):
        leases = [{"id": task, "epoch": epoch} for task, epoch in list(held.items())]
        if leases:
            call(2, "work.extend", {"leases": leases})


def run(delivery):
    task, epoch = delivery["task"], delivery["epoch"]
    held[task["id"]] = epoch
    outcome = {"id": task["id"], "epoch": epoch}
    try:
        outcome.update(kind="returned", value=HANDLERS[task["type"]](task["data"]))
    except Exception as error:  # whatever user code throws is an outcome
        outcome.update(kind="threw", error={"name": type(error).__name__, "message": str(error)})
    call(3, "work.settle", {"outcomes": [outcome]})
    del held[task["id"]]
    print(f"{os.getpid()} {task['type']} {task['id']} {outcome['kind']}", flush=True)


stopping = threading.Event()
call(1, "work.consume", {"queues": ["default"], "types": list(HANDLERS), "slots": 1, "prefetch": 1})
try:
    for line in messages:
        message = json.loads(line)
        if "error" in message:
            sys.exit(f"refused: {message['error']['message']}")
        if message.get("id") == 1:
            lease_s = message["result"]["leaseMs"] / 1000
            threading.Thread(target=heartbeat, args=(lease_s / 3,), daemon=True).start()
            print(f"{os.getpid()} takes {', '.join(HANDLERS)}", flush=True)
        elif message.get("method") == "work.deliver":
            for delivery in message["params"]["deliveries"]:
                # In a thread of its own, so that revocations and replies are read meanwhile.
                threading.Thread(target=run, args=(delivery,), daemon=True).start()
except KeyboardInterrupt:
    pass
finally:
    stopping.set()
    connection.close()
