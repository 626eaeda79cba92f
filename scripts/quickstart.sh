#!/usr/bin/env bash
# From nothing to a model for use, on the shipped sample: environment, annotation, records, LERT's
# pre-training, filled masks with tags, fine-tuning, conversion. Writes quickstart/; a second run
# reuses the environment.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
export TF_CPP_MIN_LOG_LEVEL=3
exec "$PYTHON" scripts/quickstart.py
