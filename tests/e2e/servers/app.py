"""The application of the visit for servers that run Python: the same endpoints, and X-Runtime."""

import time

ENDPOINTS = [
    ("GET", "/api/users/", 0.008, "200 OK", 900),
    ("GET", "/search", 0.015, "200 OK", 5000),
    ("POST", "/api/orders", 0.021, "201 Created", 60),
    ("GET", "/api/coupons/", 0.003, "404 Not Found", 20),
    ("POST", "/checkout", 0.012, "500 Internal Server Error", 30),
    ("POST", "/tickets", 0.040, "201 Created", 40),
    ("GET", "/ready", 0.0, "200 OK", 2),
]


def application(environ, start_response):
    started = time.perf_counter()
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    asked = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    for method, path, seconds, status, length in ENDPOINTS:
        if method == asked[0] and asked[1].startswith(path):
            time.sleep(seconds)
            ran = time.perf_counter() - started
            start_response(
                status,
                [
                    ("Content-Type", "text/plain"),
                    ("Content-Length", str(length)),
                    ("X-Runtime", f"{ran:.6f}"),
                ],
            )
            return [b"." * length]
    raise LookupError(asked)
