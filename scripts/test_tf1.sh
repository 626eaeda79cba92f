#!/usr/bin/env bash
# The tests marked tf1 on Python 3.7 with TensorFlow 1.15.5, in an environment of their own.
# Without a Python 3.7 they are skipped with a message; where CI is set that is a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

find_python37() {
    local candidate
    for candidate in ${QUANCI_PYTHON37:-} python3.7 "$HOME"/.pyenv/versions/3.7.*/bin/python; do
        # A name on PATH may be a shim that does not run.
        if "$candidate" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 7))' \
            >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

if ! base=$(find_python37); then
    echo "no Python 3.7 here: the TensorFlow 1.15 tests are skipped"
    [ -z "${CI:-}" ]
    exit
fi
requirements=requirements/py37-tf115.txt
wanted=$(sha256sum "$requirements" | cut -d' ' -f1)
if [ "$(cat .venv37/installed 2>/dev/null)" != "$wanted" ]; then
    rm -rf .venv37
    "$base" -m venv .venv37
    .venv37/bin/python -m pip install --quiet --disable-pip-version-check -r "$requirements" \
        >.venv37/install.log 2>&1 || {
        tail -n 5 .venv37/install.log >&2
        echo "error: pip could not install $requirements; see .venv37/install.log" >&2
        exit 1
    }
    printf '%s\n' "$wanted" >.venv37/installed
fi
export TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1
exec .venv37/bin/python -m pytest -q -n 2 --dist loadfile -m "tf1 and not slow" "$@"
