#!/usr/bin/env bash
# MacBERT: words replaced by similar ones, and the order of two segments.
#
#   TPU_NAME=my-tpu TPU_ZONE=us-central1-b DATA_DIR=gs://bucket/records \
#   MODEL_DIR=gs://bucket/macbert INIT_CHECKPOINT=gs://bucket/chinese_L-12_H-768_A-12/bert_model.ckpt \
#       bash scripts/tpu/pretrain_macbert.sh
#
# Flags after the script's name go to run_pretraining.py. Start it again to resume an
# interrupted run. USE_TPU=false runs on this machine. Other models of the family:
#   large      PRESET=macbert_large INIT_CHECKPOINT=  bash scripts/tpu/pretrain_macbert.sh
#   continued  PRESET=macbert_continue INIT_CHECKPOINT=.../chinese_macbert_base/macbert_model.ckpt \
#                  bash scripts/tpu/pretrain_macbert.sh --bert_config_file=.../macbert_config.json
#
# Records, from raw text in corpus/ and the vocab.txt of the model to start from. The table of
# similar words is made of the corpus itself; --vectors=FILE takes word vectors instead:
#
#   python -m data.similar_words --train_on='corpus/*.txt' --input_format=raw \
#       --vocab_file=vocab.txt --output_file=similar_words.txt
#   python create_pretraining_data.py --input_file='corpus/*.txt' --input_format=raw \
#       --output_file="$DATA_DIR/tf_examples.tfrecord.*" --num_shards=64 \
#       --vocab_file=vocab.txt --objective=macbert --similar_words=similar_words.txt \
#       --dupe_factor=5 --max_seq_length=512 --max_predictions_per_seq=77
set -euo pipefail

PRESET=${PRESET:-macbert_base}

# shellcheck source=scripts/tpu/one_phase.sh
source "$(dirname "${BASH_SOURCE[0]}")/one_phase.sh"
