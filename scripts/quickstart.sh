#!/usr/bin/env bash
# From raw text to a model for use, on the shipped sample: environment, records, pre-training, masked
# words filled in, fine-tuning, conversion. Writes quickstart/; a second run reuses the environment.
set -euo pipefail
if [ "${QUANCI_TENSORFLOW:-}" = 1.15.5 ]; then
    echo "error: the quickstart makes records and converts, which Python 3.7 with TensorFlow 1.15.5 \
does not; leave QUANCI_TENSORFLOW away" >&2
    exit 1
fi
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
use_tensorflow
export TF_CPP_MIN_LOG_LEVEL=3
exec "$PYTHON" scripts/quickstart.py
