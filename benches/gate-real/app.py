"""A web application with twelve endpoints, for gunicorn. SLOWER=1.2 is its second version, in which one
function takes 1.2 times as long; two of the endpoints call it."""

import math
import os
import random
import time

ENDPOINTS = {
    f"/api/{name}": 0.012 + 0.004 * at
    for at, name in enumerate(
        "carts countries invoices items labels orders pages prices reviews stocks tags users".split()
    )
}

SLOWER = float(os.environ.get("SLOWER", "1"))

CALLS_QUOTE = {"/api/orders", "/api/prices"}


def database(seconds):
    """Waits as for a database, and computes a little, as with what it answers."""
    scattered = seconds * math.exp(random.gauss(0, 0.3))
    time.sleep(scattered * 0.95)
    end = time.perf_counter() + scattered * 0.05
    while time.perf_counter() < end:
        pass


def quote(seconds):
    """The function that the second version makes slower."""
    database(seconds * SLOWER)


def application(environ, start_response):
    began = time.perf_counter()
    path = environ["PATH_INFO"]
    work = ENDPOINTS.get(path)
    if work is None:
        start_response("404 Not Found", [("Content-Length", "0")])
        return [b""]
    (quote if path in CALLS_QUOTE else database)(work)
    body = b"x" * 500
    start_response(
        "200 OK",
        [
            ("Content-Length", str(len(body))),
            ("X-Runtime", f"{time.perf_counter() - began:.6f}"),
        ],
    )
    return [body]
