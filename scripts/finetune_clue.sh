#!/usr/bin/env bash
# Fine-tunes a model on every task of CLUE whose files are in DATA_DIR, and collects the submissions
# to CLUE's site in OUTPUT_DIR/submission.
#
#   MODEL_DIR=chinese_roberta_wwm_ext DATA_DIR=clue OUTPUT_DIR=clue_output \
#       bash scripts/finetune_clue.sh
#
# MODEL_DIR holds bert_model.ckpt.*, bert_config.json and vocab.txt; INIT_CHECKPOINT names another
# checkpoint (empty: random weights). DATA_DIR holds a folder for each task, TASK or TASK_public as
# downloaded. TASKS selects some of them: TASKS="tnews afqmc". Flags after the script's name go to
# run_finetuning.py: --num_trials=10. Start it again to resume an interrupted run. On a
# Cloud TPU: USE_TPU=true TPU_NAME=my-tpu with gs:// folders.
set -euo pipefail

MODEL_DIR=${MODEL_DIR:?folder of the model}
DATA_DIR=${DATA_DIR:?folder with a folder for each task}
OUTPUT_DIR=${OUTPUT_DIR:?where models and predictions go}
INIT_CHECKPOINT=${INIT_CHECKPOINT-${MODEL_DIR}/bert_model.ckpt}
TASKS=${TASKS:-afqmc tnews iflytek cmnli ocnli cluewsc2020 csl cmrc2018 drcd c3 chid cluener}
USE_TPU=${USE_TPU:-false}

# shellcheck source=scripts/tpu/machine.sh
source "$(dirname "${BASH_SOURCE[0]}")/tpu/machine.sh"
script=$(dirname "${BASH_SOURCE[0]}")/../run_finetuning.py

tasks_done=0
for task in $TASKS; do
    data=$DATA_DIR/$task
    if [ -d "${data}_public" ]; then data=${data}_public; fi
    if [[ $DATA_DIR != gs://* && ! -d $data ]]; then
        echo "no $data: $task is skipped"
        continue
    fi
    tasks_done=$((tasks_done + 1))
    "$PYTHON" "$script" \
        --task_name="$task" \
        --data_dir="$data" \
        --bert_config_file="$MODEL_DIR/bert_config.json" \
        --vocab_file="$MODEL_DIR/vocab.txt" \
        --init_checkpoint="$INIT_CHECKPOINT" \
        --output_dir="$OUTPUT_DIR/$task" \
        --do_train=True --do_eval=True --do_predict=True \
        "${machine[@]}" "$@"
done
if [ "$tasks_done" = 0 ]; then
    echo "error: DATA_DIR=$DATA_DIR holds a folder for none of: $TASKS" >&2
    exit 1
fi

if [[ $OUTPUT_DIR != gs://* ]]; then
    # The first of several trials.
    mkdir -p "$OUTPUT_DIR/submission"
    for task in $TASKS; do
        for folder in "$OUTPUT_DIR/$task" "$OUTPUT_DIR/$task/trial_0"; do
            for file in "$folder"/*_predict.json; do
                if [ -e "$file" ]; then cp "$file" "$OUTPUT_DIR/submission/"; fi
            done
        done
    done
    echo "for CLUE's site: $OUTPUT_DIR/submission"
fi
