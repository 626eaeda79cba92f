#!/usr/bin/env bash
# Converted directories in transformers 5, in an environment of its own without TensorFlow: the one of
# scripts/test.sh converts small models and notes what transformers 4 reads, tests/transformers5
# compares.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_tensorflow
converting=$PYTHON
QUANCI_PYTHON='' use_environment .venv-transformers5 "3.11" transformers5
export TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
support=tests/support
PYTHONPATH=.:$support:$support/models:$support/records:$support/runs \
    "$converting" -m converted_cases "$scratch/cases" >"$scratch/log" 2>&1 || {
    tail -n 20 "$scratch/log" >&2
    fail "the directories to test could not be made"
}
# tests/conftest.py is for the suite: it needs what this environment does not have.
QUANCI_CONVERTED=$scratch/cases "$PYTHON" -m pytest -q -ra \
    --confcutdir=tests/transformers5 "$@" tests/transformers5
