#!/usr/bin/env bash
# LERT from raw text on the shipped sample: annotation, records, pre-training, tags of masked words.
# Writes lert_example/.
#
# It shows the programs, not LTP's quality: its LTP model is trained on the 224 annotated sentences
# of the sample in a few seconds, so that many of its words are no words. With a downloaded one
# (LTP/small) the commands are the same.
#
#   source .venv/bin/activate
#   bash scripts/lert_example.sh
#
# PYTHON names another interpreter; arguments go to run_pretraining.py.
set -euo pipefail
PYTHON=${PYTHON:-python}
export TF_CPP_MIN_LOG_LEVEL=3
out=lert_example
network=(--bert_config_file=sample/overfitting_config.json --vocab_file=sample/vocab.txt)

rm -rf "$out"
"$PYTHON" -m sample.train_ltp --annotations='sample/annotations/*.conllu' --output_dir="$out/ltp"
"$PYTHON" annotate_corpus.py --input_file='sample/corpus/*.txt' --input_format=raw \
    --ltp_model="$out/ltp" --output_file="$out/annotated.conllu"
"$PYTHON" create_pretraining_data.py --input_file="$out/annotated.conllu" --input_format=conllu \
    --objective=lert --rows=sentences --masking=dynamic --masked_lm_prob=0.3 --max_seq_length=64 \
    --vocab_file=sample/vocab.txt --output_file="$out/records.tfrecord"
"$PYTHON" -m data.inspect --input_file="$out/records.tfrecord" --vocab_file=sample/vocab.txt
"$PYTHON" run_pretraining.py --input_file="$out/records.tfrecord" --output_dir="$out/model" \
    "${network[@]}" --max_seq_length=64 --max_predictions_per_seq=20 --pack --precision=auto \
    --kernels=fused --do_train --do_eval --train_batch_size=64 --learning_rate=2e-3 \
    --num_train_steps=1000 --num_warmup_steps=300 --save_checkpoints_steps=1000 \
    --lip_steps=100,200,300 "$@"
"$PYTHON" run_prediction.py --task=tags --input_file=sample/masked.txt \
    --output_file="$out/tags.jsonl" "${network[@]}" --init_checkpoint="$out/model"
echo "Of the masked words of these sentences, the share whose tag is the toy LTP model's:"
grep -E "^(pos|ner|dep)_accuracy" "$out/model/eval_results.txt"
