"""The flags of a script and what presets make of them, read in a process of its own."""

import json
import subprocess
import sys

from places import ROOT

# Prints the flags of a program and what each preset makes of them.
PROBE = """
import json, sys
from absl import flags
from absl.testing import flagsaver
import {script} as script
from common.errors import UserError
from cli import presets

def outcome(name):
    with flagsaver.flagsaver():
        flags.FLAGS(["script"])
        try:
            presets.apply(flags.FLAGS, name)
            return {{n: flags.FLAGS[n].value for n in presets.load(name).flags}}
        except UserError as error:
            return str(error)

json.dump({{"flags": list(flags.FLAGS), "presets": {{n: outcome(n) for n in sys.argv[1:]}}}},
          sys.stdout)
"""


# Prints what is wrong with each of some command lines, None for nothing.
PARSER = """
import json, sys
from absl import flags
from absl.testing import flagsaver
import {script}

def problem(words):
    with flagsaver.flagsaver():
        try:
            rest = flags.FLAGS(["script", *words])[1:]
            return "unexpected argument " + rest[0] if rest else None
        except flags.Error as error:
            return str(error)

json.dump([problem(words) for words in json.load(sys.stdin)], sys.stdout)
"""


# Prints what each flag of a program that holds a number says to some values.
NUMBER_PARSER = """
import contextlib, inspect, io, json, sys
from absl import flags
from absl.testing import flagsaver
import {script} as script
from cli.app import parse_flags

define = getattr(script, "_define_flags", None)
if define:
    define(*[flags][: len(inspect.signature(define).parameters)])
values = dict(zip(("float", "int"), json.load(sys.stdin)))
done = []
for name in sorted(flags.FLAGS):
    for value in values.get(flags.FLAGS[name].flag_type(), ()):
        with flagsaver.flagsaver(), contextlib.redirect_stderr(io.StringIO()) as err:
            try:
                parse_flags(["script", "--{{}}={{}}".format(name, value)])
                code = 0
            except SystemExit as stop:
                code = stop.code
        # Its own name where `name` is a short one.
        done.append([flags.FLAGS[name].name, value, code, err.getvalue()])
json.dump(done, sys.stdout)
"""


def parse_numbers(script, floats, integers):
    """[flag, value, exit code, standard error] of every flag of a program that holds a number.

    Args:
      script: module of the program.
      floats, integers: values to try, as on a command line.
    """
    done = subprocess.run(
        [sys.executable, "-c", NUMBER_PARSER.format(script=script)],
        cwd=ROOT,
        input=json.dumps([floats, integers]).encode("utf-8"),
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout.decode("utf-8"))


def parse(script, lines):
    """What is wrong with command lines (lists of words) of a script: list of str, or None."""
    done = subprocess.run(
        [sys.executable, "-c", PARSER.format(script=script)],
        cwd=ROOT,
        input=json.dumps(lines).encode("utf-8"),
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout.decode("utf-8"))


def probe(script, *names):
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(script=script)] + list(names),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout.decode("utf-8"))
