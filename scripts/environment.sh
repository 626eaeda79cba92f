# shellcheck shell=bash
# Sourced by the other scripts, which then call one of
#
#   use_tensorflow                           the release of QUANCI_TENSORFLOW: 2.21.0 (in .venv), 2.15.1
#                                            or 1.15.5 (in .venv-tf2.15.1, .venv-tf1.15.5)
#   use_environment FOLDER VERSIONS SET      requirements/pyVERSION-SET.txt in FOLDER
#
# It finds the newest Python that suits, makes an environment and installs the pinned requirements.
# After it, the current folder is the project's and $PYTHON is the environment's interpreter.
# QUANCI_PYTHON names another interpreter to make the environment with.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

case $OSTYPE in
msys* | cygwin* | win32*) fail "this is Windows' own shell; run the script in WSL 2" ;;
esac

# A name on PATH may be a shim that does not run, or lack venv: only running it shows.
suits() {
    # shellcheck disable=SC2086
    "$1" -c 'import ensurepip, sys, venv
sys.exit("{}.{}".format(*sys.version_info[:2]) not in sys.argv[1:])' $VERSIONS >/dev/null 2>&1
}

find_python() {
    local version candidate
    if [ -n "${QUANCI_PYTHON:-}" ]; then
        suits "$QUANCI_PYTHON" || fail "QUANCI_PYTHON=$QUANCI_PYTHON is no Python ${VERSIONS// /, } \
with venv, which $ENVIRONMENT needs"
        BASE=$QUANCI_PYTHON
        return
    fi
    for version in $VERSIONS; do
        for candidate in "python$version" "$HOME/.pyenv/versions/$version".*/bin/python \
            python3 python; do
            # python3 may be an older one than the version looked for.
            if VERSIONS=$version suits "$candidate"; then
                BASE=$candidate
                return
            fi
        done
    done
    return 1
}

make_environment() {
    local uv newest=${VERSIONS%% *}
    if find_python; then
        rm -rf "$ENVIRONMENT"
        "$BASE" -m venv "$ENVIRONMENT" || fail "$BASE could not make $ENVIRONMENT"
        return
    fi
    # Its installer puts it where many a PATH does not lead.
    for uv in uv "$HOME/.local/bin/uv"; do
        if "$uv" --version >/dev/null 2>&1; then
            rm -rf "$ENVIRONMENT"
            echo "no Python ${VERSIONS// /, } with venv was found: uv makes $ENVIRONMENT"
            "$uv" venv --quiet --seed --python "$newest" "$ENVIRONMENT" ||
                fail "uv could not make $ENVIRONMENT with Python $newest"
            return
        fi
    done
    fail "no Python ${VERSIONS// /, } with venv was found; these two commands bring one: curl -LsSf \
https://astral.sh/uv/install.sh | sh; ~/.local/bin/uv python install $newest (or name one in \
QUANCI_PYTHON)"
}

install_requirements() {
    local requirements=$1 wanted
    wanted=$("$PYTHON" -c 'import hashlib, sys
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$requirements")
    [ "$(cat "$ENVIRONMENT/installed" 2>/dev/null)" != "$wanted" ] || return 0
    echo "installing $requirements into $ENVIRONMENT (some minutes, once)"
    "$PYTHON" -m pip install --quiet --disable-pip-version-check -r "$requirements" \
        >"$ENVIRONMENT/install.log" 2>&1 || {
        tail -n 5 "$ENVIRONMENT/install.log" >&2
        fail "pip could not install $requirements: is there a network, or a package index \
that pip knows? The whole output is in $ENVIRONMENT/install.log"
    }
    printf '%s\n' "$wanted" >"$ENVIRONMENT/installed"
}

# Sets ENVIRONMENT, VERSIONS (of Python, the newest first) and PYTHON.
use_environment() {
    local version
    ENVIRONMENT=$1 VERSIONS=$2
    PYTHON=$ENVIRONMENT/bin/python
    if ! suits "$PYTHON"; then
        if [ -e "$ENVIRONMENT" ] && [ ! -e "$ENVIRONMENT/installed" ]; then
            fail "$ENVIRONMENT is there but was not made by this script and has no Python \
${VERSIONS// /, }; rename or remove it"
        fi
        make_environment
    fi
    version=$("$PYTHON" -c 'import sys; print("{}{}".format(*sys.version_info[:2]))')
    install_requirements "requirements/py$version-$3.txt"
    export PYTHON
}

use_tensorflow() {
    TENSORFLOW=${QUANCI_TENSORFLOW:-2.21.0}
    case $TENSORFLOW in
    2.21.0) use_environment .venv "3.13 3.12 3.11 3.10" tf2.21.0 ;;
    2.15.1) use_environment .venv-tf2.15.1 "3.11" tf2.15.1 ;;
    1.15.5) use_environment .venv-tf1.15.5 "3.7" tf1.15.5 ;;
    *) fail "QUANCI_TENSORFLOW=$TENSORFLOW has no pinned requirements; it can be 2.21.0, 2.15.1 \
or 1.15.5" ;;
    esac
}
