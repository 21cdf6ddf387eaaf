#!/usr/bin/env python3
"""The gate on real traffic: the two versions of app.py behind nginx, with wrk as the load.

    cargo build --release && benches/gate-real/measure.py [--seconds 20] [--pairs 30] [--keep FOLDER]

Needs nginx, gunicorn and wrk (Debian has all three). Version A and version B are measured in turn, each
run with a fresh application. Then, of the runs of A alone, where nothing changed: random splits of 20
runs, 3 against 3, and every pair of single runs. And of A against B, in trials that share no run: whether
the two slower endpoints are found, and nothing else. Prints what came of it; judges nothing itself.
"""

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
SLOWPATH = HERE.parent.parent / "target/release/slowpath"
SLOWED = {"/api/orders", "/api/prices"}

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  log_format slowpath '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" '
    'rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time" us="$upstream_status" ua="$upstream_addr" '
    'cs=$upstream_cache_status ts=$msec rl=$request_length rid=$request_id host="$host" app="$upstream_http_x_runtime" st="$upstream_http_server_timing"';
  access_log {folder}/{name}.log slowpath;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{app_port}; }} }}
}}
"""


def wait_for(url):
    for _ in range(1200):
        try:
            urllib.request.urlopen(url, timeout=1).read()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{url} does not answer")


def measure(folder, name, slower, seconds, port):
    """One run: a fresh application, a fresh nginx, warm-up that is not logged, then the load."""
    environment = dict(os.environ, SLOWER="1.2" if slower else "1")
    app = subprocess.Popen(
        ["gunicorn", "--log-level", "error", "-k", "gthread", "-w", "2", "--threads", "8", "-b", f"127.0.0.1:{port + 1}", "--chdir", str(HERE), "app:application"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    conf = folder / "nginx.conf"
    conf.write_text(NGINX.format(folder=folder, name=name, port=port, app_port=port + 1))
    nginx = None
    try:
        wait_for(f"http://127.0.0.1:{port + 1}/api/tags")
        wrk = ["wrk", "-t", "1", "-c", "8", "-s", str(HERE / "traffic.lua")]
        subprocess.run([*wrk, "-d", "2s", f"http://127.0.0.1:{port + 1}"], check=True, stdout=subprocess.DEVNULL)
        nginx = subprocess.Popen(["nginx", "-c", str(conf), "-p", str(folder)], stderr=subprocess.DEVNULL)
        for _ in range(1200):
            if (folder / "nginx.pid").exists():
                break
            time.sleep(0.02)
        subprocess.run([*wrk, "-d", f"{seconds}s", f"http://127.0.0.1:{port}"], check=True, stdout=subprocess.DEVNULL)
    finally:
        for process in filter(None, [nginx, app]):
            process.terminate()
            process.wait()


def gate(baseline, candidate):
    """The verdict on runs, and which routes it flags."""
    arguments = [str(SLOWPATH), "gate", "-q", "-f", "json"]
    for log in baseline:
        arguments += ["--baseline", str(log)]
    for log in candidate:
        arguments += ["--candidate", str(log)]
    ended = subprocess.run(arguments, capture_output=True, text=True)
    if ended.returncode not in (0, 1, 3):
        sys.exit(f"{' '.join(arguments)}: exit {ended.returncode}: {ended.stderr}")
    found = json.loads(ended.stdout)
    flagged = {of["route"] for of in found["endpoints"] if of["verdict"] == "fail"}
    return found["outcome"], flagged, found


def counted(title, outcomes):
    count = {word: outcomes.count(word) for word in ("pass", "fail", "inconclusive")}
    print(f"{title}: {len(outcomes)}: " + ", ".join(f"{n} {word}" for word, n in count.items()), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--port", type=int, default=18480)
    parser.add_argument("--keep", help="a folder for the logs; those that are there are used again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.keep or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        runs = {"a": [], "b": []}
        for at in range(options.pairs):
            # ABBA, so that a drift meets both alike.
            for version in ("ab", "ba")[at % 2]:
                log = folder / f"{version}{at:02}.log"
                if not log.exists():
                    measure(folder, "running", version == "b", options.seconds, options.port)
                    (folder / "running.log").rename(log)
                runs[version].append(log)
        lines = sum(1 for log in runs["a"] + runs["b"] for _ in log.open("rb"))
        print(f"{options.pairs} runs of each version, {options.seconds} s, {lines} requests in all", flush=True)

        same = runs["a"][:20]
        chance = random.Random(1)
        splits = []
        for _ in range(100):
            six = chance.sample(same, 6)
            splits.append(gate(six[:3], six[3:])[0])
        counted("same program, random splits of 20 runs, 3 against 3", splits)
        pairs = [gate([one], [other])[0] for one, other in itertools.permutations(same, 2)]
        counted("same program, all ordered pairs of single runs", pairs)

        found = clean = 0
        outcomes = []
        trials = len(runs["a"]) // 3
        for trial in range(trials):
            three = slice(3 * trial, 3 * trial + 3)
            outcome, flagged, _ = gate(runs["a"][three], runs["b"][three])
            outcomes.append(outcome)
            found += SLOWED <= flagged
            clean += flagged <= SLOWED
            print(f"  trial {trial}: {outcome}, flagged {sorted(flagged)}")
        counted("20 % slower in 2 of 12 endpoints, 3 against 3", outcomes)
        print(f"both found in {found} of {trials}; nothing else flagged in {clean} of {trials}")


main()
