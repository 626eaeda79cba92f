#!/usr/bin/env bash
# RoBERTa-wwm-ext: one phase on rows of 512, no next-sentence loss.
#
#   TPU_NAME=my-tpu TPU_ZONE=us-central1-b DATA_DIR=gs://bucket/records \
#   MODEL_DIR=gs://bucket/roberta_wwm_ext INIT_CHECKPOINT=gs://bucket/chinese_bert/bert_model.ckpt \
#       bash scripts/tpu/pretrain_roberta_wwm_ext.sh
#
# Flags after the script's name go to run_pretraining.py. Start it again to resume an
# interrupted run. USE_TPU=false runs on this machine. Other models of the family:
#   large  PRESET=roberta_wwm_ext_large INIT_CHECKPOINT=        (random weights)
#   RBT3   PRESET=rbt3   INIT_CHECKPOINT=.../chinese_roberta_wwm_ext/bert_model.ckpt
#   RBTL3  PRESET=rbtl3  INIT_CHECKPOINT=.../chinese_roberta_wwm_ext_large/bert_model.ckpt
#
# Records, from text in corpus/ and the vocab.txt of the model to start from; the masks are drawn
# once, as the original's. 75 predictions in 512 pieces are from run.pretrain.sh of ymcui/LERT,
# dupe_factor 5 is BERT-wwm's:
#
#   python create_pretraining_data.py --input_file='corpus/*.txt' --input_format=raw \
#       --output_file="$DATA_DIR/tf_examples.tfrecord.*" --num_shards=64 \
#       --vocab_file=vocab.txt --objective=roberta --segmenter=ltp --ltp_model=LTP/legacy \
#       --masking_unit=word --dupe_factor=5 --masked_lm_prob=0.15 \
#       --max_seq_length=512 --max_predictions_per_seq=75
set -euo pipefail

PRESET=${PRESET:-roberta_wwm_ext}
start="checkpoint of the released Chinese BERT"

# shellcheck source=scripts/tpu/one_phase.sh
source "$(dirname "${BASH_SOURCE[0]}")/one_phase.sh"
