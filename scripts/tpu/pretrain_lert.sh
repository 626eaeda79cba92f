#!/usr/bin/env bash
# LERT: masked language modelling with tags of words, parts of speech, entities and dependencies.
#
#   TPU_NAME=my-tpu TPU_ZONE=us-central1-b DATA_DIR=gs://bucket/records \
#   MODEL_DIR=gs://bucket/lert INIT_CHECKPOINT=gs://bucket/chinese_roberta_wwm_ext/bert_model.ckpt \
#       bash scripts/tpu/pretrain_lert.sh
#
# Flags after the script's name go to run_pretraining.py. Start it again to resume an
# interrupted run. USE_TPU=false runs on this machine. Other models of the family:
#   small      INIT_CHECKPOINT=  bash scripts/tpu/pretrain_lert.sh \
#                  --bert_config_file=configs/models/bert_small.json
#   continued  PRESET=lert_continue INIT_CHECKPOINT=.../chinese_lert_base/lert_model.ckpt \
#                  bash scripts/tpu/pretrain_lert.sh --bert_config_file=.../lert_config.json
#
# Records, from raw text in corpus/ and the vocab.txt of the model to start from. The annotation is
# kept, so that other records can be made from it:
#
#   python annotate_corpus.py --input_file='corpus/*.txt' --input_format=raw \
#       --ltp_model=LTP/small --output_file='annotated/*.conllu' --num_shards=64
#   python create_pretraining_data.py --input_file='annotated/*.conllu' --input_format=conllu \
#       --output_file="$DATA_DIR/tf_examples.tfrecord.*" --num_shards=64 \
#       --vocab_file=vocab.txt --objective=lert --dupe_factor=5 \
#       --max_seq_length=512 --max_predictions_per_seq=75
set -euo pipefail

PRESET=${PRESET:-lert}

# shellcheck source=scripts/tpu/one_phase.sh
source "$(dirname "${BASH_SOURCE[0]}")/one_phase.sh"
