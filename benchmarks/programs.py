"""The project's programs, run by benchmarks as a user runs them."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def run(script, *flags):
    """Runs a script of the project; its output is shown only where it fails."""
    done = subprocess.run(
        [sys.executable, os.path.join(ROOT, script), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stdout)
