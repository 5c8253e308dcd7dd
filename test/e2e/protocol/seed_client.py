"""The seed's client: makes an id, sends N JSON tasks to the distributor over TCP, and prints the confirmation of each.

usage: seed_client.py PORT N    one connection a task, as the seed does it
"""

import json
import socket
import sys
import uuid

port, count = int(sys.argv[1]), int(sys.argv[2])

for n in range(count):
    tarea = {"id": str(uuid.uuid4()), "type": ["sumar", "multiplicar"][n % 2], "data": [n, 7]}
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.connect(("localhost", port))
        s.sendall(json.dumps(tarea).encode())
        respuesta = json.loads(s.recv(1024).decode())
        print(respuesta["status"], respuesta["payload"]["id"] == tarea["id"], respuesta["message"], flush=True)
