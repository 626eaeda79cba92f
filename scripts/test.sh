#!/usr/bin/env bash
# The test suite in the project's own environment: scripts/test.sh [pytest arguments]
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
export TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1
if [ "$#" -eq 0 ]; then
    # A file stays with one process, so that what its tests share is made once; long ones are first.
    set -- -q -n 2 --dist loadfile --no-loadscope-reorder
fi
exec "$PYTHON" -m pytest "$@"
