# Sourced by the scripts here whose model is trained in one phase: the training of PRESET. `start` may
# say what INIT_CHECKPOINT is.
# shellcheck shell=bash
DATA_DIR=${DATA_DIR:?where tf_examples.tfrecord.* lie}
MODEL_DIR=${MODEL_DIR:?where the model is written}
INIT_CHECKPOINT=${INIT_CHECKPOINT?${start:-checkpoint to start from}; empty: random weights}

# shellcheck source=scripts/tpu/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

"$PYTHON" "$script" \
    --preset="$PRESET" \
    --input_file="${DATA_DIR}/tf_examples.tfrecord.*" \
    --output_dir="$MODEL_DIR" \
    --init_checkpoint="$INIT_CHECKPOINT" \
    --do_train=True \
    "${machine[@]}" "$@"
