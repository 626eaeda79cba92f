#!/usr/bin/env bash
# Records of a small text, which run_sample.sh trains on until it knows them by heart:
#
#   source .venv/bin/activate
#   bash create_sample_zh.sh
#   bash run_sample.sh
#
# Both write to the folder test/, or to one that is given: bash create_sample_zh.sh FOLDER. Flags
# after it go to create_pretraining_data.py. PYTHON names another interpreter.
set -euo pipefail

PYTHON=${PYTHON:-python}
here=$(dirname "${BASH_SOURCE[0]}")
folder=${1:-test}

mkdir -p "$folder"
"$PYTHON" "$here/create_pretraining_data.py" \
    --input_file="$here/sample/corpus/news.txt" \
    --input_format=raw \
    --output_file="$folder/tf_examples.tfrecord" \
    --vocab_file="$here/sample/vocab.txt" \
    --do_lower_case=True \
    --objective=roberta \
    --max_seq_length=32 \
    --max_predictions_per_seq=5 \
    --masked_lm_prob=0.15 \
    --random_seed=12345 \
    --dupe_factor=2 \
    "${@:2}"
