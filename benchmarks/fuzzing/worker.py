"""The process in which damaged inputs are read: python worker.py KIND WORK_DIR < inputs > outcomes

It takes a line `SURFACE<tab>INDEX<tab>SEED` for each input and answers with a JSON line. One import
of TensorFlow serves all inputs of a script; if the interpreter dies, the parent sees which input
it was at and finds its files in WORK_DIR/input.
"""

import importlib
import json
import os
import random
import re
import resource
import shutil
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
MEMORY_BYTES = 6 << 30
LONGEST_MESSAGE = 5000
PROGRESS = re.compile(
    r"(records|annotations|words): +\d+%"
)  # bars end at \r, which splits lines, too
OK, REFUSED, DEFECT = "ok", "refused", "defect"


def run_main(kind, flags):
    """[exit code, standard output, standard error] of a script's main function."""
    import script_driver

    return script_driver.run_one(importlib.import_module(kind), flags, "")


def judge(code, err):
    """(outcome, detail) of a script's exit code and standard error."""
    lines = [line for line in err.splitlines() if line and not PROGRESS.match(line)]
    if "Traceback (most recent call last)" in err or code not in (0, 1):
        return DEFECT, err
    if code == 0:
        return (DEFECT, "exit code 0, but " + err) if lines else (OK, "")
    if len(lines) != 1 or not lines[0].startswith("error: "):
        return DEFECT, "not one line: " + err
    if len(lines[0]) > LONGEST_MESSAGE:
        return DEFECT, "a message of {} characters: {:.500}".format(len(lines[0]), lines[0])
    return REFUSED, lines[0]


def one(surface, seed, index, seeds, folder):
    """Outcome of one input: a dict."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    rng = random.Random("{}/{}/{}".format(seed, surface.name, index))
    flags = surface.write(rng, seeds, folder)
    with open(os.path.join(folder, "flags.json"), "w", encoding="utf-8") as f:
        json.dump([surface.kind, *flags], f)
    began = time.time()
    try:
        code, _, err = run_main(surface.kind, flags)
    except BaseException:  # SystemExit, a panic of a library in Rust
        code, err = 2, traceback.format_exc()
    outcome, detail = judge(code, err)
    return {"outcome": outcome, "detail": detail[-3000:], "seconds": time.time() - began}


def main(kind, work_dir):
    sys.path[:0] = [
        ROOT,
        *(folder for folder, _, _ in os.walk(os.path.join(ROOT, "tests", "support"))),
        os.path.dirname(HERE),
    ]
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    # Output of C++ code must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from fuzzing import registry

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seeds = os.path.join(work_dir, "seeds")
    os.makedirs(seeds)
    registry.prepare(kind, seeds)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    print(json.dumps("ready"), file=answers, flush=True)
    surfaces = {surface.name: surface for surface in registry.surfaces()}
    for line in sys.stdin:
        name, index, seed = line.rstrip("\n").split("\t")
        outcome = one(surfaces[name], seed, index, seeds, os.path.join(work_dir, "input"))
        print(json.dumps(outcome), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
