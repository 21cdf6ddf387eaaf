#!/usr/bin/env python3
"""Counts the instructions that slowpath runs for a line, and compares them with the committed figures.

    benches/instructions/run.py            fails where a figure is off by more than 3 %
    benches/instructions/run.py --write    takes what it counts as the new figures

Wall time says little on a busy machine; instructions do not change with the load. Each log of the
seeded generator is counted at two lengths by callgrind, with one thread and the default report; the
difference over the difference of the lines is the figure, so that start-up, detection and printing
drop out. What callgrind counts is the program: the system's own work, reading above all, is not in it.

What could change a figure without a change of the program, and what is done about it:

* The compiler: the release profile, link-time optimisation included, stands in Cargo.toml; a new
  compiler is a reason to write the figures anew. Which linker puts the parts together does not matter.
* The processor: memchr and the C library choose their code by what it can. Valgrind shows the program
  no more than AVX2, so every x86-64 processor that has AVX2 counts the same; on others this refuses.
* Chance: the seed of the hash differs from run to run, which moves a figure by about 0.1 %.
* The C library: a version of its own copies and compares a little differently, within the 3 %.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
FIGURES = HERE / "figures.json"
FORMS = ("timed", "json", "ltsv")
# The first windows of a log are narrow and many: the longer log has left them behind. Long enough for
# figures that do not depend on the seed of the hash, short enough for every change.
SHORT, LONG = 30_000, 80_000
# How far a figure may be off, as a share.
BAND = 0.03


def main() -> int:
    parser = argparse.ArgumentParser(description="Counts the instructions that slowpath runs for a line.")
    parser.add_argument("--write", action="store_true", help="take what is counted as the new figures")
    options = parser.parse_args()
    if "avx2" not in Path("/proc/cpuinfo").read_text():
        sys.exit("instructions: this processor has no AVX2, so its figures are others")
    build = ["cargo", "build", "--locked", "--release", "--quiet"]
    subprocess.run([*build, "--bin", "slowpath"], cwd=REPOSITORY, check=True)
    subprocess.run([*build, "--example", "generate"], cwd=REPOSITORY, check=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counted = dict(zip(FORMS, pool.map(per_line, FORMS)))
    if options.write:
        FIGURES.write_text(json.dumps(counted, indent=2) + "\n", encoding="utf-8")
    wanted = json.loads(FIGURES.read_text(encoding="utf-8"))
    off = 0
    for form, figure in counted.items():
        share = figure / wanted[form] - 1
        verdict = "ok" if abs(share) <= BAND else "OFF"
        off += verdict != "ok"
        ratio = figure / counted["timed"]
        print(f"{form:6} {figure:6,} a line, committed {wanted[form]:6,} ({share:+.1%}) {verdict}; {ratio:.2f} × timed")
    if off:
        print("instructions: fewer or more than committed; where that is meant, run with --write and commit")
    return 1 if off else 0


def per_line(form: str) -> int:
    with tempfile.TemporaryDirectory(prefix="instructions-") as folder:
        counts = [instructions(form, lines, Path(folder)) for lines in (SHORT, LONG)]
    return round((counts[1] - counts[0]) / (LONG - SHORT))


def instructions(form: str, lines: int, folder: Path) -> int:
    log = folder / "log"
    with log.open("wb") as out:
        generate = [TARGET / "release/examples/generate", "--form", form, "--lines", str(lines)]
        subprocess.run(generate, stdout=out, check=True)
    run = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/profile"]
        + [TARGET / "release/slowpath", "report", "-q", "-j1", log],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    # A count of a run that did other work would say nothing.
    report = subprocess.run(
        [TARGET / "release/slowpath", "report", "-q", "-f", "json", log], capture_output=True, check=True
    )
    records = json.loads(report.stdout)["input"]["records"]
    if records != lines:
        sys.exit(f"instructions: {records} records in {lines} lines of the {form} form")
    return int(re.search(r"refs:\s+([\d,]+)", run.stderr)[1].replace(",", ""))


if __name__ == "__main__":
    sys.exit(main())
