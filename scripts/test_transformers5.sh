#!/usr/bin/env bash
# Converted directories in transformers 5, on Python 3.11 in an environment of its own without
# TensorFlow: .venv converts small models and notes what transformers 4 reads, tests/transformers5
# compares. Without a Python 3.11 they are skipped with a message; where CI is set that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_python311() {
    local candidate
    for candidate in ${QUANCI_PYTHON311:-} python3.11 "$HOME"/.pyenv/versions/3.11.*/bin/python; do
        # A name on PATH may be a shim that does not run, or lack venv.
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 11))' \
            >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

if ! base=$(find_python311); then
    echo "no Python 3.11 with venv here: the transformers 5 tests are skipped"
    [ -z "${CI:-}" ]
    exit
fi
if [ ! -x .venv/bin/python ]; then
    echo "error: there is no .venv, which makes the directories to test; scripts/test.sh makes it" >&2
    exit 1
fi
requirements=requirements/py311-transformers5.txt
environment=.venv-transformers5
wanted=$(sha256sum "$requirements" | cut -d' ' -f1)
if [ "$(cat "$environment/installed" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$environment"
    "$base" -m venv "$environment"
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
        -r "$requirements" >"$environment/install.log" 2>&1 || {
        tail -n 5 "$environment/install.log" >&2
        echo "error: pip could not install $requirements; see $environment/install.log" >&2
        exit 1
    }
    printf '%s\n' "$wanted" >"$environment/installed"
fi
export TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
support=tests/support
PYTHONPATH=.:$support:$support/models:$support/records:$support/runs \
    .venv/bin/python -m converted_cases "$scratch/cases" >"$scratch/log" 2>&1 || {
    tail -n 20 "$scratch/log" >&2
    echo "error: the directories to test could not be made" >&2
    exit 1
}
# tests/conftest.py is for the suite: it needs what this environment does not have.
QUANCI_CONVERTED=$scratch/cases "$environment/bin/python" -m pytest -q -ra \
    --confcutdir=tests/transformers5 "$@" tests/transformers5
