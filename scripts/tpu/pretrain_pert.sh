#!/usr/bin/env bash
# PERT: words of a text shuffled among themselves; the places where they went are predicted.
#
#   TPU_NAME=my-tpu TPU_ZONE=us-central1-b DATA_DIR=gs://bucket/records \
#   MODEL_DIR=gs://bucket/pert INIT_CHECKPOINT= \
#       bash scripts/tpu/pretrain_pert.sh
#
# Flags after the script's name go to run_pretraining.py. Start it again to resume an
# interrupted run. USE_TPU=false runs on this machine. Other models of the family:
#   large      PRESET=pert_large INIT_CHECKPOINT=        (random weights)
#   continued  PRESET=pert_base_continue INIT_CHECKPOINT=.../chinese_pert_base/pert_model.ckpt \
#                  bash scripts/tpu/pretrain_pert.sh --bert_config_file=.../pert_config.json
# A released PERT holds the Transformer alone: its position head is new, which the log says.
#
# Records, from text in corpus/ and the vocab.txt of the model. Shuffled once, --dupe_factor times;
# with --masking=dynamic instead they are shuffled anew for every batch:
#
#   python create_pretraining_data.py --input_file='corpus/*.txt' --input_format=raw \
#       --output_file="$DATA_DIR/tf_examples.tfrecord.*" --num_shards=64 \
#       --vocab_file=vocab.txt --objective=pert --segmenter=ltp --ltp_model=LTP/legacy \
#       --dupe_factor=5 --max_seq_length=512 --max_predictions_per_seq=75
set -euo pipefail

PRESET=${PRESET:-pert_base}

# shellcheck source=scripts/tpu/one_phase.sh
source "$(dirname "${BASH_SOURCE[0]}")/one_phase.sh"
