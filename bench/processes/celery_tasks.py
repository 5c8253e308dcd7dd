"""The application of Celery that is measured. `python3 celery_tasks.py produce` publishes a task for each line of its standard input, `<number> <JSON>`, and
answers with the number once the broker has confirmed it; as a module of `celery worker` it prints how many tasks are done."""

import json
import multiprocessing
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from celery import Celery
from celery.signals import task_success, worker_ready

THREADS = 8

app = Celery("bench", broker=os.environ["CELERY_BENCH_BROKER"])
app.conf.update(
    broker_transport_options={"confirm_publish": True},
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=64,
    broker_pool_limit=THREADS,
)
done = multiprocessing.Value("q", 0)


@app.task(name="noop")
def noop(data):
    return None


@task_success.connect
def count(**_):
    with done.get_lock():
        done.value += 1


@worker_ready.connect
def tell(**_):
    def run():
        while True:
            # Celery turns what is printed into log lines.
            os.write(1, b"%d\n" % done.value)
            time.sleep(0.01)

    threading.Thread(target=run, daemon=True).start()


def produce():
    lock = threading.Lock()

    def publish(line):
        number, data = line.split(" ", 1)
        noop.apply_async((json.loads(data),))
        with lock:
            sys.stdout.write(number + "\n")
            sys.stdout.flush()

    with ThreadPoolExecutor(THREADS) as pool:
        for line in sys.stdin:
            pool.submit(publish, line)


if __name__ == "__main__" and sys.argv[1:] == ["produce"]:
    produce()
