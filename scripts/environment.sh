# shellcheck shell=bash
# Sourced by the other scripts: finds a Python, makes .venv and installs the pinned requirements.
# After it, the current folder is the project's and $PYTHON is the environment's interpreter.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

# A name on PATH may be a shim that does not run, or lack venv: only running it shows.
suits() {
    "$1" -c 'import ensurepip, sys, venv; sys.exit(not (3, 9) <= sys.version_info[:2] <= (3, 11))' \
        >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${QUANCI_PYTHON:-} python3.11 "$HOME"/.pyenv/versions/3.11.*/bin/python \
        python3.10 python3.9 "$HOME"/.pyenv/versions/3.10.*/bin/python \
        "$HOME"/.pyenv/versions/3.9.*/bin/python python3 python; do
        if suits "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

install_environment() {
    local base version requirements wanted
    if ! suits .venv/bin/python; then
        if [ -e .venv ] && [ ! -e .venv/installed ]; then
            fail ".venv is there but was not made by this script and has no Python 3.9 to 3.11; \
rename or remove it"
        fi
        base=$(find_python) || fail "no Python 3.9, 3.10 or 3.11 with venv was found; install one \
(for instance python3.11 and python3.11-venv), or name it in QUANCI_PYTHON"
        rm -rf .venv
        "$base" -m venv .venv || fail "$base could not make .venv"
    fi
    PYTHON=.venv/bin/python
    version=$("$PYTHON" -c 'import sys; print("{}{}".format(*sys.version_info[:2]))')
    requirements=requirements/py$version.txt
    [ -f "$requirements" ] || requirements=requirements/direct.txt
    wanted=$("$PYTHON" -c 'import hashlib, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$requirements")
    if [ "$(cat .venv/installed 2>/dev/null)" != "$wanted" ]; then
        echo "installing $requirements into .venv (some minutes, once)"
        "$PYTHON" -m pip install --quiet --disable-pip-version-check -r "$requirements" \
            >.venv/install.log 2>&1 || {
            tail -n 5 .venv/install.log >&2
            fail "pip could not install $requirements: is there a network, or a package index \
that pip knows? The whole output is in .venv/install.log"
        }
        printf '%s\n' "$wanted" >.venv/installed
    fi
    export PYTHON
}

install_environment
