#!/usr/bin/env bash
# ELECTRA: a small generator fills masks in, a discriminator predicts which tokens were filled in.
#
#   TPU_NAME=my-tpu TPU_ZONE=us-central1-b DATA_DIR=gs://bucket/records \
#   MODEL_DIR=gs://bucket/electra_small INIT_CHECKPOINT= bash scripts/tpu/pretrain_electra.sh
#
# Flags after the script's name go to run_pretraining.py. Start it again to resume an
# interrupted run. USE_TPU=false runs on this machine. The masks are drawn in training, so vocab.txt
# is needed: VOCAB_FILE, default $DATA_DIR/vocab.txt. Other models of the family:
#   PRESET=electra_small_ex, electra_base, electra_large or electra_tiny (in rows of 128)
#   continued  INIT_CHECKPOINT=.../electra_base with discriminator.json and generator.json beside it:
#              PRESET=electra_base bash scripts/tpu/pretrain_electra.sh --learning_rate=5e-5 \
#                  --num_train_steps=12500 --num_warmup_steps=1250
#
# Records, unmasked, from raw text in corpus/ and the vocab.txt of the model:
#
#   python create_pretraining_data.py --input_file='corpus/*.txt' --input_format=raw \
#       --output_file="$DATA_DIR/tf_examples.tfrecord.*" --num_shards=64 \
#       --vocab_file=vocab.txt --objective=electra --max_seq_length=512
set -euo pipefail

PRESET=${PRESET:-electra_small}
DATA_DIR=${DATA_DIR:?where tf_examples.tfrecord.* lie}
MODEL_DIR=${MODEL_DIR:?where the model is written}
INIT_CHECKPOINT=${INIT_CHECKPOINT?checkpoint to start from; empty: random weights}
VOCAB_FILE=${VOCAB_FILE:-${DATA_DIR}/vocab.txt}

# shellcheck source=scripts/tpu/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"

"$PYTHON" "$script" \
    --preset="$PRESET" \
    --input_file="${DATA_DIR}/tf_examples.tfrecord.*" \
    --vocab_file="$VOCAB_FILE" \
    --output_dir="$MODEL_DIR" \
    --init_checkpoint="$INIT_CHECKPOINT" \
    --do_train=True \
    "${machine[@]}" "$@"
