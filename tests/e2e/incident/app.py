"""The application of the incident: a dozen endpoints, three of which call update_objects().

gunicorn serves it with sync workers. What SAYS is "timing" (X-Runtime and Server-Timing), "runtime"
(X-Runtime alone) or "nothing". Work is waiting for a database that is not there: it takes time and no
processor, so that the queue is that of the workers and not of the machine.
"""

import math
import os
import random
import time

SAYS = os.environ["SAYS"]
# The server whose interfaces nobody counted, and how many it has.
HOT = int(os.environ["HOT"])
INTERFACES = int(os.environ["INTERFACES"])


class Spent:
    """Time per function of one request, in order of the calls."""

    def __init__(self):
        self.parts = {}

    def call(self, name, seconds):
        begun = time.perf_counter()
        time.sleep(seconds)
        self.parts[name] = self.parts.get(name, 0.0) + time.perf_counter() - begun


def about(seconds):
    """Log-normal around this median: the ninth in ten takes about 1.5 times as long."""
    return seconds * math.exp(random.gauss(0.0, 0.3))


def load(spent, seconds):
    spent.call("load", about(seconds))


def save(spent, seconds):
    spent.call("save", about(seconds))


def render(spent, seconds):
    spent.call("render", about(seconds))


def update_objects(spent, server):
    """Loops over the interfaces of a server, 50 microseconds each."""
    interfaces = INTERFACES if server == HOT else random.randint(30, 70)
    spent.call("update_objects", interfaces * 50e-6)


def objects(spent, server):
    load(spent, 0.020)
    update_objects(spent, server)
    save(spent, 0.025)


def other(spent, server):
    update_objects(spent, server)
    save(spent, 0.030)


def another(spent, server):
    load(spent, 0.040)
    update_objects(spent, server)
    render(spent, 0.010)


def reads(seconds):
    def endpoint(spent, _):
        load(spent, seconds)
        render(spent, 0.008)

    return endpoint


def writes(seconds):
    def endpoint(spent, _):
        load(spent, 0.012)
        save(spent, seconds)

    return endpoint


ENDPOINTS = {
    ("POST", "objects"): objects,
    ("POST", "other"): other,
    ("POST", "another"): another,
    ("GET", "users"): reads(0.040),
    ("PUT", "users"): writes(0.050),
    ("GET", "servers"): reads(0.060),
    ("GET", "networks"): reads(0.055),
    ("PATCH", "networks"): writes(0.045),
    ("GET", "alerts"): reads(0.110),
    ("GET", "metrics"): reads(0.150),
    ("POST", "tokens"): writes(0.025),
    ("GET", "invoices"): reads(0.080),
}


def app(environ, start_response):
    begun = time.perf_counter()
    if environ["PATH_INFO"] == "/ready":
        start_response("204 No Content", [])
        return []
    _, _, name, key = environ["PATH_INFO"].split("/")
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    spent = Spent()
    ENDPOINTS[environ["REQUEST_METHOD"], name](spent, int(key))
    headers = [("Content-Type", "application/json"), ("Content-Length", "400")]
    if SAYS == "timing":
        parts = [f"{part};dur={seconds * 1e3:.3f}" for part, seconds in spent.parts.items()]
        headers.append(("Server-Timing", ", ".join(parts)))
    if SAYS != "nothing":
        headers.append(("X-Runtime", f"{time.perf_counter() - begun:.6f}"))
    start_response("200 OK", headers)
    return [b"x" * 400]
