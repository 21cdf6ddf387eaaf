#!/usr/bin/env python3
"""Follows a busy log for a long time: 5,000 lines a second for 30 minutes, rotated by renaming every
three minutes, watched at once by the full screen (in a pseudo-terminal) and by a run that prints JSON.

The longest sliding range is an hour, which fills for an hour. So the log begins with the lines of the 70
minutes before, at the same rate by their time stamps but written as fast as both can read them; the 30
minutes after that are a watch that has been running for long.

Says every minute, and at the end, what each of them takes: resident memory, open files, threads and its
share of one core in the minutes that are measured. At the end the JSON must count exactly the lines that
were written.

    cargo build --release && benches/soak/run.py [--minutes 30] [--rate 5000] [--history 70]
"""

import argparse
import fcntl
import json
import os
import pty
import random
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROUTES = [f"/api/{name}" for name in (
    "users objects orders servers interfaces racks sites tags search jobs reports events health login"
).split()]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=int, default=5_000, help="lines a second")
    parser.add_argument("--history", type=float, default=70, help="minutes of the log before, written at once")
    parser.add_argument("--rotate", type=float, default=180, help="seconds between two rotations")
    parser.add_argument("--binary", default=os.path.join(ROOT, "target/release/slowpath"))
    return parser.parse_args()


class Usage:
    """What a process takes, from /proc."""

    def __init__(self, pid):
        self.pid = pid
        self.restart()

    def restart(self):
        """Counts the share of a core from now on."""
        self.began, self.before = time.monotonic(), self.seconds()

    def seconds(self):
        """Of processor time since the process began."""
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def read(self):
        """Bytes that it has read, of whatever file."""
        with open(f"/proc/{self.pid}/io") as io:
            return int(io.readline().split()[1])

    def now(self):
        with open(f"/proc/{self.pid}/status") as status:
            said = dict(line.split(":", 1) for line in status)
        return {
            "rss_mib": int(said["VmRSS"].split()[0]) / 1024,
            "files": len(os.listdir(f"/proc/{self.pid}/fd")),
            "threads": int(said["Threads"]),
            "cpu_percent": 100 * (self.seconds() - self.before) / (time.monotonic() - self.began),
        }


def line(number, now, clock):
    """A line of the slowpath format; every tenth request is to an id of its own."""
    route = ROUTES[number * 7 % len(ROUTES)]
    path = f"{route}/{number}" if number % 3 else route
    app = random.expovariate(20)
    wait = random.expovariate(100)
    status = 500 if number % 211 == 0 else 200
    server = app + wait
    return (
        f'10.0.{number % 250}.1 - - [{clock}] "GET {path} HTTP/1.1" {status} 512 "-" "soak" '
        f'rt={server + 0.002:.3f} uct="0.000" uht="{server:.3f}" urt="{server + 0.001:.3f}" us="{status}" '
        f'ua="10.1.0.{number % 8}:8000" cs=- ts={now:.3f} rl=200 rid={number:032x} host="soak" '
        f'app="{app:.6f}" st="-"\n'
    )


class Log:
    """The log that is written, and rotated by renaming; the last three rotated files are kept."""

    def __init__(self, path):
        self.path = path
        self.written = self.bytes = self.rotations = 0
        self.file = open(path, "a", buffering=1 << 20)

    def write(self, until, now):
        """The lines up to that number, stamped with that time."""
        clock = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now))
        self.bytes += self.file.write("".join(line(number, now, clock) for number in range(self.written, until)))
        self.file.flush()
        self.written = until

    def rotate(self):
        self.file.close()
        os.rename(self.path, f"{self.path}.{self.rotations % 3}")
        self.file = open(self.path, "a", buffering=1 << 20)
        self.rotations += 1


def write_history(log, args, watched):
    """The minutes before now, a second at a time; waits for both readers every minute and at the end."""
    began = time.time() - args.history * 60
    for second in range(int(args.history * 60)):
        log.write(log.written + args.rate, began + second)
        if second % 60 == 59:
            while any(usage.read() < log.bytes for usage in watched.values()):
                time.sleep(0.05)
            if (second + 1) % args.rotate < 60:
                log.rotate()


def main():
    args = arguments()
    folder = tempfile.TemporaryDirectory(prefix="soak-")
    path = os.path.join(folder.name, "access.log")
    log = Log(path)

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    screen = subprocess.Popen([args.binary, "watch", path], stdin=follower, stdout=follower,
                              stderr=follower, env=environment, start_new_session=True)
    os.close(follower)
    # Somebody has to read what is drawn.
    drawn = [0]

    def read():
        try:
            while data := os.read(leader, 1 << 16):
                drawn[0] += len(data)
        except OSError:
            pass

    threading.Thread(target=read, daemon=True).start()
    out = open(os.path.join(folder.name, "reports.ndjson"), "wb")
    printer = subprocess.Popen([args.binary, "watch", path, "-f", "json", "-n", "1", "--range", "all"], stdout=out)
    watched = {"screen": Usage(screen.pid), "json": Usage(printer.pid)}

    write_history(log, args, watched)
    print(f"{log.written:,} lines of {args.history:g} minutes before are read", flush=True)
    for usage in watched.values():
        usage.restart()

    began, before, said = time.monotonic(), log.written, 0
    samples = {name: [] for name in watched}
    rotated = began
    end = began + args.minutes * 60
    while (at := time.monotonic()) < end:
        log.write(before + int((at - began) * args.rate), time.time())
        if at - rotated >= args.rotate:
            log.rotate()
            rotated += args.rotate
        if at - began >= (said + 1) * 60:
            said += 1
            for name, usage in watched.items():
                sample = usage.now()
                samples[name].append(sample)
                print(f"{said:3} min  {log.written:>12,} lines  {log.rotations:2} rotations  {name:6}  "
                      f"{sample['rss_mib']:6.1f} MiB  {sample['files']} files  {sample['threads']} threads  "
                      f"{sample['cpu_percent']:.1f} % of a core", flush=True)
        time.sleep(0.02)
    log.file.close()
    time.sleep(2)
    screen.send_signal(signal.SIGTERM)
    printer.send_signal(signal.SIGTERM)
    codes = screen.wait(30), printer.wait(30)
    out.close()
    with open(out.name, "rb") as reports:
        last = json.loads(reports.readlines()[-1])
    counted = last["input"]["lines"], last["totals"]["requests"]
    print(f"written {log.written:,} lines; counted {counted[0]:,} lines and {counted[1]:,} requests; "
          f"exit codes {codes}; the screen drew {drawn[0] // 1_000:,} kB")
    for name, taken in samples.items():
        tail = taken[len(taken) // 2:]
        if tail:
            low, high = (f(sample["rss_mib"] for sample in tail) for f in (min, max))
            files = sorted({sample["files"] for sample in taken})
            print(f"{name}: second half {low:.1f} to {high:.1f} MiB, files {files}, {taken[-1]['cpu_percent']:.1f} % of a core")
    sys.exit(0 if counted == (log.written, log.written) else 1)


if __name__ == "__main__":
    main()
