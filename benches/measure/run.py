#!/usr/bin/env python3
"""Takes the figures of speed and memory that slowpath promises, and says which hold.

    cargo build --release && cargo build --release --example generate
    benches/measure/run.py BIG.log [--runs 5] [--folder DIR] [--only NAME,NAME]

BIG.log is four million lines of `generate --form timed`. What else is needed is generated or packed
beside it in DIR (default: the folder of BIG.log) and left there for the next time. Each measure runs
its commands in turn, round by round, after reading what they read, so that a busy minute hits all of
them; it prints the medians and their ratio. Run it on a machine that does nothing else.

| name     | what is measured                                                | promised |
|----------|-----------------------------------------------------------------|----------|
| file     | two threads against `wc -l`, and against one thread              | ≤ 6, ≥ 1.8 |
| pipe     | `cat BIG.log \\| slowpath` against the file, and against `wc -l`  | ≤ 1.25 or ≤ 7.5 |
| gzip     | one gz against its decoder alone (`examples/decode`)             | ≤ 1.15   |
| archives | eight gz with all threads against one                            | ≥ 1.8    |
| snapshot | a snapshot and the report of it against the report; its size against the log's | ≤ 1.10, ≤ 1 % |
| memory   | BIG.log and a line of 2 GiB, under a hard limit                  | ≤ 64 MiB |
| distinct | URLs that are all distinct, through a pipe, under a hard limit (`--distinct-lines`, default 50 million) | ≤ 128 MiB |
| linear   | 1, 2, 4, 8 million lines: CPU time for a line against 4 million  | ±10 %    |
| routes   | 100 to 100,000 routes: CPU time for a line                       | told     |

A hard limit is that of a control group where one can be made (systemd, or root), else one on address
space; it is printed which. Beside it stands the peak that the system reports.

Instructions are counted by `benches/instructions/run.py`, other programs by `benches/compare/run.py`.
"""

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
RELEASE = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "release"
PROGRAM = shlex.quote(str(RELEASE / "slowpath"))
SLOWPATH = f"{PROGRAM} -q"
GENERATE = shlex.quote(str(RELEASE / "examples/generate"))
DECODE = shlex.quote(str(RELEASE / "examples/decode"))
MIB = 1 << 20
CGROUPS = Path("/sys/fs/cgroup")


def main() -> int:
    options = parse()
    log, folder = options.log, options.folder
    measures = {
        "file": lambda: file(log, options),
        "pipe": lambda: pipe(log, options),
        "gzip": lambda: gzip(log, folder, options),
        "archives": lambda: archives(log, folder, options),
        "snapshot": lambda: snapshot(log, folder, options),
        "memory": lambda: memory(log),
        "distinct": lambda: distinct(options.distinct_lines),
        "linear": lambda: linear(folder, options),
        "routes": lambda: routes(folder, options),
    }
    missed = 0
    for name, measure in measures.items():
        if not options.only or name in options.only:
            print(f"\n{name}", flush=True)
            missed += not measure()
    return 1 if missed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Takes the figures of speed and memory.")
    parser.add_argument("log", type=Path)
    parser.add_argument("--runs", type=int, default=5, metavar="N")
    parser.add_argument("--folder", type=Path, metavar="DIR")
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="NAME,NAME")
    parser.add_argument("--distinct-lines", type=int, default=50_000_000, metavar="N")
    options = parser.parse_args()
    options.folder = options.folder or options.log.resolve().parent
    return options


# --- running


def run(command: str) -> tuple[float, float, float]:
    """Runs a shell command; gives seconds of wall and CPU time, and the largest peak in MiB."""
    start = time.perf_counter()
    child = subprocess.Popen(["sh", "-c", command], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"measure: {command} failed with {child.returncode}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def medians(commands: dict[str, str], runs: int, reads: list[Path], of_cpu: bool = False) -> dict[str, float]:
    """The median times of commands that run in turn: wall time, or CPU time, which other programs on the
    machine disturb less."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs):
        for path in reads:
            warm(path)
        for name, command in commands.items():
            times[name].append(run(command)[1 if of_cpu else 0])
    found = {name: statistics.median(of_one) for name, of_one in times.items()}
    for name, median in found.items():
        spread = f"{min(times[name]):.2f} to {max(times[name]):.2f}"
        print(f"  {name:28} {median:6.2f} s{' of CPU time' if of_cpu else ''} ({spread})")
    return found


def warm(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        while file.read(MIB):
            pass


def says(what: str, value: float, bound: float, most: bool = True) -> bool:
    holds = value <= bound if most else value >= bound
    print(f"  {what}: {value:.2f} ({'at most' if most else 'at least'} {bound:g}) {'holds' if holds else 'MISSED'}")
    return holds


def quoted(path: Path) -> str:
    return shlex.quote(str(path))


# --- measures


def file(log: Path, options: argparse.Namespace) -> bool:
    commands = {
        "wc -l": f"wc -l {quoted(log)}",
        "slowpath": f"{SLOWPATH} {quoted(log)}",
        "slowpath -j1": f"{SLOWPATH} -j1 {quoted(log)}",
    }
    found = medians(commands, options.runs, [log])
    floor = says("× wc -l", found["slowpath"] / found["wc -l"], 6)
    return says("one thread over two", found["slowpath -j1"] / found["slowpath"], 1.8, most=False) and floor


def pipe(log: Path, options: argparse.Namespace) -> bool:
    commands = {
        "wc -l": f"wc -l {quoted(log)}",
        "slowpath": f"{SLOWPATH} {quoted(log)}",
        "cat | slowpath": f"cat {quoted(log)} | {SLOWPATH}",
    }
    found = medians(commands, options.runs, [log])
    by_file = says("pipe over file", found["cat | slowpath"] / found["slowpath"], 1.25)
    by_floor = says("pipe over wc -l", found["cat | slowpath"] / found["wc -l"], 7.5)
    return by_file or by_floor


def gzip(log: Path, folder: Path, options: argparse.Namespace) -> bool:
    packed = made(folder / "whole.gz", f"gzip -6 -c {quoted(log)}")
    commands = {"decoder alone": f"{DECODE} {quoted(packed)}", "slowpath": f"{SLOWPATH} {quoted(packed)}"}
    found = medians(commands, options.runs, [packed])
    return says("slowpath over decoder", found["slowpath"] / found["decoder alone"], 1.15)


def archives(log: Path, folder: Path, options: argparse.Namespace) -> bool:
    size = 500_000
    parts = [
        made(folder / f"part{at}.gz", f"tail -n +{at * size + 1} {quoted(log)} | head -n {size} | gzip -6")
        for at in range(8)
    ]
    names = " ".join(map(quoted, parts))
    found = medians({"slowpath": f"{SLOWPATH} {names}", "slowpath -j1": f"{SLOWPATH} -j1 {names}"}, options.runs, parts)
    return says("one thread over all", found["slowpath -j1"] / found["slowpath"], 1.8, most=False)


def snapshot(log: Path, folder: Path, options: argparse.Namespace) -> bool:
    taken = folder / "taken.slowpath"
    commands = {
        "report": f"{SLOWPATH} {quoted(log)}",
        "snapshot": f"{PROGRAM} snapshot -q {quoted(log)} -o {quoted(taken)}",
        "report of the snapshot": f"{SLOWPATH} {quoted(taken)}",
    }
    found = medians(commands, options.runs, [log])
    both = found["snapshot"] + found["report of the snapshot"]
    is_cheap = says("both over the report", both / found["report"], 1.10)
    return says("% of the log", 100 * taken.stat().st_size / log.stat().st_size, 1) and is_cheap


def memory(log: Path) -> bool:
    one = says("MiB for the log", run_limited(f"{SLOWPATH} {quoted(log)}", 64), 64)
    # 2 GiB of one byte, and a good line before and behind them.
    good = f"head -n 1 {quoted(log)}"
    fed = f"{{ {good}; head -c 2147483648 /dev/zero | tr '\\0' x; echo; {good}; }} | {SLOWPATH}"
    return says("MiB for a line of 2 GiB", run_limited(fed, 64), 64) and one


def distinct(lines: int) -> bool:
    start = time.perf_counter()
    peak = run_limited(f"{GENERATE} --lines {lines} --distinct | {SLOWPATH}", 128)
    print(f"  {lines:,} lines in {time.perf_counter() - start:.0f} s")
    return says("MiB for distinct URLs", peak, 128)


def run_limited(command: str, mib: int) -> float:
    """Runs a command that may not take more memory than that, all its processes together, and fails with
    it; gives the peak of its largest process in MiB."""
    scope = ["systemd-run", "--quiet", "--scope", "-p", f"MemoryMax={mib}M", "-p", "MemorySwapMax=0"]
    if shutil.which(scope[0]) and subprocess.run([*scope, "true"], capture_output=True, check=False).returncode == 0:
        print(f"  limit: {mib} MiB of a systemd scope")
        return run(f"{shlex.join(scope)} sh -c {shlex.quote(command)}")[2]
    # Of the second version of control groups and of the first, each with a file that only it has.
    second = (CGROUPS, "cgroup.controllers", "memory.max")
    first = (CGROUPS / "memory", "memory.limit_in_bytes", "memory.limit_in_bytes")
    for group, sign, limit in (second, first):
        own = group / f"slowpath-measure-{os.getpid()}"
        if not (group / sign).exists():
            continue
        try:
            own.mkdir()
        except OSError:
            continue
        try:
            (own / limit).write_text(str(mib * MIB))
            print(f"  limit: {mib} MiB of a control group, {limit}")
            return run(f"echo $$ > {quoted(own)}/cgroup.procs && {command}")[2]
        except OSError:
            continue
        finally:
            own.rmdir()
    # Address space, of which thread stacks and the arenas of the allocator take much that is never touched.
    space = mib + 320
    print(f"  limit: {space} MiB of address space")
    return run(f"ulimit -v {space * 1024}; {command}")[2]


def linear(folder: Path, options: argparse.Namespace) -> bool:
    millions = (1, 2, 4, 8)
    logs = {n: made(folder / f"linear{n}.log", f"{GENERATE} --lines {n}000000") for n in millions}
    commands = {f"{n} million": f"{SLOWPATH} {quoted(log)}" for n, log in logs.items()}
    found = medians(commands, options.runs, list(logs.values()), of_cpu=True)
    base = found["4 million"] / 4
    shares = [found[f"{n} million"] / n / base for n in millions]
    print("  time for a line against 4 million: " + ", ".join(f"{share:.2f}" for share in shares))
    return says("farthest from 1", max(abs(share - 1) for share in shares), 0.1)


def routes(folder: Path, options: argparse.Namespace) -> bool:
    counts = (100, 1_000, 10_000, 100_000)
    logs = {n: made(folder / f"routes{n}.log", f"{GENERATE} --lines 2000000 --routes {n}") for n in counts}
    commands = {f"{n:,} routes": f"{SLOWPATH} {quoted(log)}" for n, log in logs.items()}
    found = medians(commands, options.runs, list(logs.values()), of_cpu=True)
    base = found["100 routes"]
    print("  against 100 routes: " + ", ".join(f"{time / base:.2f}" for time in found.values()))
    return True


def made(path: Path, command: str) -> Path:
    """The file, made by a command where it is not there yet."""
    if not path.exists():
        part = path.with_suffix(".part")
        subprocess.run(["sh", "-c", f"{command} > {quoted(part)}"], check=True)
        part.rename(path)
    return path


if __name__ == "__main__":
    sys.exit(main())
