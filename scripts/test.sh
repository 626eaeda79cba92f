#!/usr/bin/env bash
# The test suite in the project's own environment: scripts/test.sh [pytest arguments]
# QUANCI_TENSORFLOW=2.15.1 or 1.15.5 runs the tests that are marked for that release.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_tensorflow
# Networks of tests are so small that more threads only wait for each other.
export TF_CPP_MIN_LOG_LEVEL=3 OMP_NUM_THREADS=1 TF_NUM_INTEROP_THREADS=1 TF_NUM_INTRAOP_THREADS=1
if [ "$#" -eq 0 ]; then
    # A file stays with one process, so that what its tests share is made once; long ones are first.
    set -- -q -n 2 --dist loadfile --no-loadscope-reorder
    case $TENSORFLOW in
    # Whole programs run on the oldest and the newest release.
    2.15.1) set -- "$@" -m "(tf2_15 or (tf1 and not programs)) and not slow" ;;
    1.15.5) set -- -q -n 2 --dist loadfile -m "tf1 and not slow" ;; # an older pytest-xdist
    esac
fi
exec "$PYTHON" -m pytest "$@"
