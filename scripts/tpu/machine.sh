# Sourced by the scripts here: what to run (PYTHON, script) and on which machine (machine=(flags)).
# USE_TPU=true (default) needs TPU_NAME, and takes TPU_ZONE and GCP_PROJECT; false is this machine.
# A TPU needs TensorFlow 2.15.1 or 1.15.5: PYTHON=.venv-tf2.15.1/bin/python
# shellcheck shell=bash disable=SC2034  # the variables are for the script that sources this file
USE_TPU=${USE_TPU:-true}
PYTHON=${PYTHON:-python}
script=$(dirname "${BASH_SOURCE[0]}")/../../run_pretraining.py
machine=(--use_tpu=False)
if [ "$USE_TPU" = true ]; then
    machine=(
        --use_tpu=True
        --tpu_name="${TPU_NAME:?name of the TPU, or USE_TPU=false}"
        ${TPU_ZONE:+--tpu_zone="$TPU_ZONE"}
        ${GCP_PROJECT:+--gcp_project="$GCP_PROJECT"}
    )
fi
