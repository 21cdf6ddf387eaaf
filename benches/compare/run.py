#!/usr/bin/env python3
"""Runs slowpath and its peers over one log and prints a Markdown table.

    benches/compare/install.sh
    cargo build --release
    cargo run --release --example generate -- --lines 4000000 > big.log
    benches/compare/run.py big.log

What is run is in `recipes/`, one file each: what a user of that program would
write to get as much of slowpath's default report as it can give. The comment at
a recipe's head says how to install it, what it prints and what it leaves out.

How it measures. All recipes run one after the other, round by round, so that a
busy minute hits all of them and not one. Before each run the log is read once,
so that all find it in memory. Wall time is from the start of the process to its
end, with everything that belongs to using it (Python's imports too); the table
gives the median, and the fastest and slowest run beside it. Peak memory is the
largest of the process and its children, as the kernel reports it for `wait4`;
it cannot be seen below this script's own size, which is then printed with "≤".
Peers use as many cores as they do by themselves.

What it refuses. A recipe whose requests do not add up to the lines of the log,
or whose endpoints and numbers are not those of DuckDB's regular expression (the
plainest exact recipe), did other work: it is reported as wrong, and the exit
code is 1. One whose head says that its quantiles are estimated is timed all the
same, and the first of them that is off stands beside what it leaves out. A peer
that is not there is named with the way to install it.

It generates no log, installs nothing and writes nothing but the table and, in a
temporary folder, what the recipes print.
"""

import argparse
import dataclasses
import datetime
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent

# The order of the table, and of each round.
ORDER = [
    "slowpath.sh",
    "slowpath-one-thread.sh",
    "wc.sh",
    "ripgrep.sh",
    "mawk.sh",
    "clickhouse-split.py",
    "clickhouse-regex.py",
    "duckdb-csv.py",
    "duckdb-regex.py",
    "angle-grinder.sh",
    "lnav.sh",
    "goaccess.sh",
    "alp.sh",
]

# The recipe that the others are divided by.
FLOOR = "wc.sh"

# Whose endpoints the others must have: exact recipes, the fullest first.
JUDGES = ["duckdb-regex.py", "duckdb-csv.py", "mawk.sh"]

# How far numbers of the same endpoint may lie apart: a share, and seconds.
# Means are exact sums, printed with six decimals by some. Quantiles differ by
# definition (nearest rank, interpolated, in buckets), and those of a sample by
# chance; the bounds are chosen, not measured, and catch a wrong column.
MEAN_APART = (0.001, 2e-6)
QUANTILE_APART = (0.15, 0.002)
# Below this many requests a sampled or interpolated tail says nothing.
QUANTILE_FROM = 2000


class WrongWork(Exception):
    """A recipe ran, but did not do what it is measured for."""


@dataclasses.dataclass
class Recipe:
    """One file of `recipes/` and what its head says."""

    file: Path
    head: dict[str, str]
    version: str | None = None  # None: not installed

    @property
    def name(self) -> str:
        return self.head["peer"]


@dataclasses.dataclass
class Run:
    """One run of a recipe."""

    wall: float  # s
    cpu: float  # s, user and system, of all its processes
    peak: int  # KiB


@dataclasses.dataclass
class Score:
    """All runs of a recipe, and what became of them."""

    recipe: Recipe
    runs: list[Run] = dataclasses.field(default_factory=list)
    on_head: bool = False  # measured on the first lines only
    trouble: str | None = None  # why there are no (more) runs
    wrong: bool = False  # whether that is this comparison's failure
    off: str | None = None  # how far a quantile that it estimates is off
    rows: list[dict] = dataclasses.field(default_factory=list)  # of the last run

    def wall(self) -> float:
        return statistics.median(run.wall for run in self.runs)


@dataclasses.dataclass
class Log:
    """A log, or its head, and what there is in it."""

    path: Path
    lines: int
    bytes: int

    @classmethod
    def of(cls, path: Path) -> "Log":
        lines = size = 0
        with path.open("rb", buffering=0) as file:
            while block := file.read(1 << 20):
                lines += block.count(b"\n")
                size += len(block)
        if lines == 0:
            sys.exit(f"run.py: {path}: no lines")
        return cls(path, lines, size)

    def warm(self) -> None:
        with self.path.open("rb", buffering=0) as file:
            while file.read(1 << 20):
                pass


def main() -> int:
    options = parse()
    os.environ["PATH"] = os.pathsep.join(
        [str(HERE / ".venv/bin"), str(HERE / ".tools/bin"), os.environ.get("PATH", "")]
    )
    os.environ["SLOWPATH"] = str(options.slowpath)
    recipes = [read_recipe(HERE / "recipes" / file) for file in ORDER]
    if options.only:
        recipes = [recipe for recipe in recipes if chosen(recipe, options.only)]
    for recipe in recipes:
        recipe.version = version(recipe)

    with tempfile.TemporaryDirectory(prefix="compare-") as folder:
        scratch = Path(folder)
        # What a recipe that was ended leaves behind goes with the folder.
        os.environ["TMPDIR"] = folder
        log = Log.of(options.log)
        head = head_of(log, options.lines, scratch) if options.lines else None
        scores = measure(recipes, log, head, options, scratch)
        table = render(scores, log, head, options, smallest_peak(scratch))
    if options.output:
        options.output.write_text(table, encoding="utf-8")
    print(table, end="")
    return 1 if any(score.wrong for score in scores) else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Runs slowpath and its peers over one log and prints a Markdown table."
    )
    parser.add_argument("log", type=Path, help="a log of `generate --form timed`")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="rounds (default 5)")
    parser.add_argument(
        "--limit", type=float, default=300, metavar="S", help="end a run after so many seconds (default 300)"
    )
    parser.add_argument(
        "--lines",
        type=int,
        default=0,
        metavar="N",
        help="peers that would need longer than the limit run over the first N lines, which the table marks",
    )
    parser.add_argument(
        "--only", type=lambda text: text.split(","), metavar="A,B", help="only recipes whose file begins so"
    )
    parser.add_argument(
        "--slowpath",
        type=Path,
        default=Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "release/slowpath",
        metavar="PROGRAM",
        help="the slowpath to measure (default: the release build)",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the table there too")
    options = parser.parse_args()
    if options.runs < 1 or options.limit <= 0 or options.lines < 0:
        parser.error("--runs and --limit must be above 0, --lines not below")
    if not options.log.is_file():
        parser.error(f"{options.log}: no such file")
    return options


# --- recipes


def read_recipe(file: Path) -> Recipe:
    """Reads the `# key: value` lines at the head of a recipe."""
    head = dict(re.findall(r"^# ([a-z ]+): (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE))
    missing = {"peer", "version", "install", "output", "leaves out"} - head.keys()
    if missing:
        sys.exit(f"run.py: {file.name}: its head lacks {', '.join(sorted(missing))}")
    return Recipe(file, head)


def chosen(recipe: Recipe, names: list[str]) -> bool:
    # Nothing can be told without the floor.
    return recipe.file.name == FLOOR or any(recipe.file.name.startswith(name) for name in names)


def version(recipe: Recipe) -> str | None:
    """What the program calls itself; nothing where it is not installed."""
    try:
        asked = subprocess.run(
            ["sh", "-c", recipe.head["version"]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    lines = (asked.stdout + asked.stderr).split("\n")
    # Names stand in the table already: from the first digit of the first line on.
    found = re.search(r"\d[\w.]*( with .*)?", lines[0])
    if asked.returncode != 0:
        return None
    return found[0].rstrip(".") if found else "?"


# --- measuring


def measure(
    recipes: list[Recipe], log: Log, head: Log | None, options: argparse.Namespace, scratch: Path
) -> list[Score]:
    scores = [Score(recipe) for recipe in recipes]
    for score in scores:
        if score.recipe.version is None:
            score.trouble = f"not installed ({score.recipe.head['install']})"
        elif head and expected(score.recipe, log, head, options, scratch) > options.limit:
            score.on_head = True
    for number in range(options.runs):
        for score in scores:
            if score.trouble:
                continue
            say(f"round {number + 1} of {options.runs}: {score.recipe.name}")
            given = head if score.on_head and head else log
            try:
                run, printed = run_once(score.recipe, given, options.limit, scratch)
                score.rows = counted(score.recipe, printed, given)
            except TimeoutError:
                score.trouble = f"> {options.limit:g} s"
            except WrongWork as error:
                score.trouble, score.wrong = str(error), True
            else:
                score.runs.append(run)
        judge(scores)
    say("")
    return scores


def expected(recipe: Recipe, log: Log, head: Log, options: argparse.Namespace, scratch: Path) -> float:
    """The seconds that a recipe would need for the whole log, by its time for the head."""
    say(f"trying {recipe.name} on {head.lines:,} lines")
    try:
        run, _ = run_once(recipe, head, options.limit, scratch)
    except (TimeoutError, WrongWork):
        # The rounds will tell.
        return 0
    return run.wall * log.bytes / head.bytes


def run_once(recipe: Recipe, log: Log, limit: float, scratch: Path) -> tuple[Run, Path]:
    """Runs a recipe over a log; what it printed is in the file that is returned."""
    out, err = scratch / "stdout", scratch / "stderr"
    log.warm()
    with out.open("wb") as stdout, err.open("wb") as stderr:
        start = time.perf_counter()
        # A session of its own, so that the recipe and its children can be ended together.
        child = subprocess.Popen(
            [recipe.file, log.path],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        ended = threading.Event()
        timer = threading.Timer(limit, end, (child.pid, ended))
        timer.start()
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
    if ended.is_set():
        raise TimeoutError
    if child.returncode != 0:
        said = err.read_text(errors="replace").strip().split("\n")[-1]
        raise WrongWork(f"failed with {child.returncode}: {said[:200]}")
    return Run(wall, used.ru_utime + used.ru_stime, used.ru_maxrss), out


def end(session: int, ended: threading.Event) -> None:
    """Ends a recipe that takes too long, with all its children."""
    ended.set()
    os.killpg(session, signal.SIGKILL)


def smallest_peak(scratch: Path) -> int:
    """The peak that `wait4` gives for a program that needs nothing, in KiB: a
    new process counts as large as the one that it was split off from."""
    true = Path(shutil.which("true") or "/bin/true")
    here = Log(Path(os.devnull), 1, 1)
    return run_once(Recipe(true, {}), here, 60, scratch)[0].peak


def head_of(log: Log, lines: int, scratch: Path) -> Log | None:
    """The first lines of a log, as a log."""
    if lines >= log.lines:
        return None
    path = scratch / "head.log"
    with log.path.open("rb") as whole, path.open("wb") as head:
        for _ in range(lines):
            head.write(whole.readline())
    return Log.of(path)


# --- checking


def counted(recipe: Recipe, printed: Path, log: Log) -> list[dict]:
    """Checks how many requests a recipe counted; gives its endpoints if it has any."""
    kind, *names = recipe.head["output"].split()
    text = printed.read_text(encoding="utf-8", errors="replace")
    try:
        requests, found = READERS[kind](text, names)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise WrongWork(f"its output cannot be read: {error!r}") from error
    if requests != log.lines:
        raise WrongWork(f"counted {requests:,} requests in {log.lines:,} lines")
    return found


def judge(scores: list[Score]) -> None:
    """Compares the endpoints of all recipes with those of an exact one."""
    for on_head in (False, True):
        with_rows = [score for score in scores if score.rows and not score.trouble and score.on_head == on_head]
        by_file = {score.recipe.file.name: score for score in with_rows}
        judges = [by_file[file] for file in JUDGES if file in by_file]
        if not judges:
            continue
        exact = {(row["method"], row["route"]): row for row in judges[0].rows}
        for score in with_rows:
            try:
                for row in score.rows:
                    off = compare(row, exact, score.recipe.head)
                    score.off = score.off or off
            except WrongWork as error:
                score.trouble, score.wrong = str(error), True


def compare(row: dict, exact: dict, said: dict[str, str]) -> str | None:
    """Checks an endpoint. A recipe that cuts its routes short has endpoints of
    its own, and others of the same name that hold more. What is returned is the
    first of its quantiles that is off, where they are estimated."""
    cut, estimated = said.get("routes") == "cut", said.get("quantiles") == "estimated"
    where = f"{row['method']} {row['route']}"
    right = exact.get((row["method"], row["route"]))
    if cut and (right is None or row["requests"] != right["requests"]):
        return None
    if right is None:
        raise WrongWork(f"has an endpoint {where}, which others have not")
    if row["requests"] != right["requests"]:
        raise WrongWork(f"counted {row['requests']:.0f} of {where}, not {right['requests']:.0f}")
    off = None
    for name, value in row.items():
        other = right.get(name)
        if name in ("method", "route", "requests") or value is None or other is None:
            continue
        is_mean = name.endswith("_mean")
        if not is_mean and row["requests"] < QUANTILE_FROM:
            continue
        share, least = MEAN_APART if is_mean else QUANTILE_APART
        if abs(value - other) > max(share * abs(other), least):
            found = f"{name} of {where} is {value:.6f}, not {other:.6f}"
            if is_mean or not estimated:
                raise WrongWork(found)
            off = off or found
    return off


def number(text: str, _: list[str]) -> tuple[int, list[dict]]:
    """A number, perhaps with the file's name after it."""
    return int(text.split()[0]), []


def tsv(text: str, names: list[str]) -> tuple[int, list[dict]]:
    """A line for each endpoint, its columns named by the recipe."""
    return endpoints(dict(zip(names, line.split("\t"))) for line in text.splitlines())


def rows(text: str, _: list[str]) -> tuple[int, list[dict]]:
    """A JSON array of endpoints."""
    return endpoints(json.loads(text))


def at(text: str, names: list[str]) -> tuple[int, list[dict]]:
    """JSON, with the number of requests at the path that the recipe names."""
    value = json.loads(text)
    for name in names[0].split("."):
        value = value[name]
    return int(value), []


def report(text: str, _: list[str]) -> tuple[int, list[dict]]:
    """slowpath's own report."""
    whole = json.loads(text)
    found = []
    for endpoint in whole["endpoints"]:
        row = {name: endpoint[name] for name in ("method", "route", "requests")}
        for phase, name in (("total", "rt"), ("wait", "wait"), ("app", "app")):
            times = endpoint["phases"].get(phase)
            if times and times["count"]:
                row[f"{name}_mean"] = times["sum_us"] / times["count"] / 1e6
                for quantile in ("p50", "p95", "p99"):
                    us = times.get(f"{quantile}_us")
                    row[f"{name}_{quantile}"] = None if us is None else us / 1e6
        found.append(row)
    _, found = endpoints(found)
    return whole["input"]["records"], found


def endpoints(found) -> tuple[int, list[dict]]:
    """The endpoints with numbers for texts, and how many requests they have together."""
    texts = ("method", "route")
    clean = [
        {name: value if name in texts else as_number(value) for name, value in row.items()} for row in found
    ]
    return int(sum(row["requests"] for row in clean)), clean


def as_number(value) -> float | None:
    """A number; nothing where there is none: "", NULL, NaN."""
    if value in (None, "", "\\N", "None", "nan"):
        return None
    return float(value)


READERS = {"number": number, "tsv": tsv, "rows": rows, "at": at, "report": report}


# --- telling


def render(
    scores: list[Score], log: Log, head: Log | None, options: argparse.Namespace, floor: int
) -> str:
    base = next((score for score in scores if score.recipe.file.name == FLOOR and score.runs), None)
    lines = [
        "| program | version | wall, s (fastest–slowest) | × `wc -l` | MB/s | CPU, s | peak memory | endpoints | leaves out |",
        "|---|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for score in scores:
        lines.append("| " + " | ".join(cells(score, log, head, base, floor)) + " |")
    rounds = "1 run" if options.runs == 1 else f"{options.runs} interleaved runs"
    lines += [
        "",
        f"Medians of {rounds} over {log.lines:,} lines ({log.bytes / 1e6:,.0f} MB, "
        f"{log.bytes / log.lines:.0f} bytes a line), in memory before each run. {machine()}. "
        f"{datetime.date.today():%Y-%m-%d}. The recipes: `benches/compare/recipes/`.",
        "",
        f"    {command()}",
    ]
    if head and any(score.on_head for score in scores):
        lines += [
            "",
            f"≈: would have needed more than {options.limit:g} s. Measured on the first "
            f"{head.lines:,} lines only; wall and CPU time are extrapolated in proportion, memory is that of the first lines.",
        ]
    if any(run.peak <= floor * 1.05 for score in scores for run in score.runs):
        lines += ["", "≤: too small to be seen beside the script that measures."]
    return "\n".join(lines) + "\n"


def cells(score: Score, log: Log, head: Log | None, base: Score | None, floor: int) -> list[str]:
    recipe = score.recipe
    start = [f"[{recipe.name}](benches/compare/recipes/{recipe.file.name})", recipe.version or "–"]
    leaves_out = recipe.head["leaves out"]
    if score.off:
        leaves_out += f"; **its quantiles are estimates**: {escape(score.off)}"
    if score.trouble:
        lost = ("**wrong**: " if score.wrong else "") + escape(score.trouble)
        return [*start, lost, "–", "–", "–", "–", "–", leaves_out]
    mark, factor, given = "", 1.0, log
    if score.on_head and head:
        mark, factor, given = "≈ ", log.bytes / head.bytes, head
    walls = sorted(run.wall * factor for run in score.runs)
    wall = score.wall() * factor
    peak = statistics.median(run.peak for run in score.runs)
    small = "≤ " if peak <= floor * 1.05 else ""
    return [
        *start,
        f"{mark}{digits(wall)} ({digits(walls[0])}–{digits(walls[-1])})",
        f"{mark}{digits(wall / base.wall())}" if base else "–",
        f"{mark}{digits(given.bytes / 1e6 / score.wall())}",
        f"{mark}{digits(statistics.median(run.cpu for run in score.runs) * factor)}",
        f"{small or mark}{digits(peak / 1024)} MiB",
        f"{len(score.rows):,}" if score.rows else "–",
        leaves_out,
    ]


def digits(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def escape(text: str) -> str:
    """For a cell of a Markdown table: a peer's words can hold text of the log."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return re.sub(r"([\\`*_{}\[\]<|])", r"\\\1", text)


def machine() -> str:
    """Cores, processor and kernel."""
    try:
        model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        model = None
    cores = len(os.sched_getaffinity(0))
    name = model[1] if model else platform.machine()
    return f"{cores} cores of {name}, {platform.system()} {platform.release()}"


def command() -> str:
    """How this was called, without the folders of this machine."""
    words = [Path(sys.argv[0]).name]
    words += [Path(word).name if "/" in word else word for word in sys.argv[1:]]
    return "benches/compare/" + " ".join(words)


def say(text: str) -> None:
    """Progress, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
