"""A client with nothing but a socket and JSON: sends tasks, prints their confirmations.

    python3 examples/python_client.py [HOST] [PORT]
"""

import json
import socket
import sys
import uuid

host = sys.argv[1] if len(sys.argv) > 1 else "localhost"
port = int(sys.argv[2]) if len(sys.argv) > 2 else 5000

tasks = [
    {"id": str(uuid.uuid4()), "type": "sumar", "data": [5, 7]},
    {"id": str(uuid.uuid4()), "type": "multiplicar", "data": [5, 7]},
]

with socket.create_connection((host, port)) as connection:
    replies = connection.makefile("r", encoding="utf-8")
    for task in tasks:
        # No newline is needed: a complete JSON object is a task.
        connection.sendall(json.dumps(task).encode())
        confirmation = json.loads(replies.readline())
        print(confirmation["status"], confirmation["message"])
