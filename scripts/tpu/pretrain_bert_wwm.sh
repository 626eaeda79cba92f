#!/usr/bin/env bash
# BERT-wwm in its two phases: rows of 128, then of 512, each with a schedule of its own.
#
#   TPU_NAME=my-tpu TPU_ZONE=us-central1-b DATA_DIR=gs://bucket/records \
#   MODEL_DIR=gs://bucket/bert_wwm INIT_CHECKPOINT=gs://bucket/chinese_bert/bert_model.ckpt \
#       bash scripts/tpu/pretrain_bert_wwm.sh
#
# Flags after the script's name go to both phases (--save_checkpoints_steps=1000). To resume an
# interrupted run, start it again: a finished phase is skipped, a started one resumes.
# EXT=true takes the longer schedules of BERT-wwm-ext; USE_TPU=false runs on this machine.
#
# Records, from text in corpus/ and the vocab.txt of the model to start from. dupe_factor 5 is
# BERT-wwm's (thread 28 of ymcui/Chinese-BERT-wwm); 20 predictions in 128 pieces are from the README
# of google-research/bert, 75 in 512 from run.pretrain.sh of ymcui/LERT:
#
#   for row in "128 20" "512 75"; do
#       read -r length predictions <<<"$row"
#       python create_pretraining_data.py --input_file='corpus/*.txt' --input_format=raw \
#           --output_file="$DATA_DIR/$length/tf_examples.tfrecord.*" --num_shards=64 \
#           --vocab_file=vocab.txt --objective=bert --segmenter=ltp --ltp_model=LTP/legacy \
#           --masking_unit=word --dupe_factor=5 --masked_lm_prob=0.15 \
#           --max_seq_length="$length" --max_predictions_per_seq="$predictions"
#   done
set -euo pipefail

EXT=${EXT:-false}
DATA_DIR=${DATA_DIR:?where 128/tf_examples.tfrecord.* and 512/tf_examples.tfrecord.* lie}
MODEL_DIR=${MODEL_DIR:?where phase1 and phase2 are written}
INIT_CHECKPOINT=${INIT_CHECKPOINT?checkpoint of the released Chinese BERT; empty: random weights}

# shellcheck source=scripts/tpu/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/machine.sh"
preset=bert_wwm
if [ "$EXT" = true ]; then
    preset=bert_wwm_ext
fi

"$PYTHON" "$script" \
    --preset="${preset}_phase1" \
    --input_file="${DATA_DIR}/128/tf_examples.tfrecord.*" \
    --output_dir="${MODEL_DIR}/phase1" \
    --init_checkpoint="$INIT_CHECKPOINT" \
    --do_train=True \
    "${machine[@]}" "$@"

# A new output directory, so that the schedule begins anew; add --init_slots=True to keep the
# optimizer's state.
"$PYTHON" "$script" \
    --preset="${preset}_phase2" \
    --input_file="${DATA_DIR}/512/tf_examples.tfrecord.*" \
    --output_dir="${MODEL_DIR}/phase2" \
    --init_checkpoint="${MODEL_DIR}/phase1" \
    --do_train=True \
    "${machine[@]}" "$@"
