#!/usr/bin/env bash
# Trains on the records of create_sample_zh.sh until every masked piece is right: the last line is
# masked_lm_accuracy = 1.0. It takes about a minute on two cores. The model starts from random
# weights, so it has larger ones than usual (initializer_range 0.06), no dropout and a high rate; a
# released model needs none of that: FLAGS after the folder go to run_pretraining.py.
#
#   bash run_sample.sh
#   bash run_sample.sh FOLDER FLAGS
set -euo pipefail

PYTHON=${PYTHON:-python}
here=$(dirname "${BASH_SOURCE[0]}")
folder=${1:-test}

"$PYTHON" "$here/run_pretraining.py" \
    --input_file="$folder/tf_examples.tfrecord" \
    --output_dir="$folder/pretraining_output" \
    --do_train=True \
    --do_eval=True \
    --bert_config_file="$here/sample/overfitting_config.json" \
    --train_batch_size=32 \
    --max_seq_length=32 \
    --max_predictions_per_seq=5 \
    --num_train_steps=500 \
    --num_warmup_steps=10 \
    --learning_rate=1e-3 \
    "${@:2}"
grep masked_lm_accuracy "$folder/pretraining_output/eval_results.txt"
