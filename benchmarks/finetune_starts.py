"""Fine-tunes on several tasks from several starting points with several seeds, and prints a table.

python benchmarks/finetune_starts.py --bert_config_file=config.json --vocab_file=vocab.txt \
    --output_dir=/tmp/starts --start=pretrained=/tmp/model --start=random= \
    --task=chnsenticorp=data/chnsenticorp --task=cmrc2018=data/cmrc2018,max_seq_length=256

A start is NAME=CHECKPOINT, or NAME= for random weights, other ones for each seed. A task is
NAME=FOLDER and then settings of run_finetuning.py, separated by commas. Finished runs are not
repeated.
"""

import json
import os
import subprocess
import sys

from absl import app, flags

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from finetuning.registry import get_task  # noqa: E402
from finetuning.scoring.reports import maximum_and_mean  # noqa: E402

FLAGS = flags.FLAGS
flags.DEFINE_string("bert_config_file", None, "Config.", required=True)
flags.DEFINE_string("vocab_file", None, "Vocabulary.", required=True)
flags.DEFINE_string("output_dir", None, "For models and results.", required=True)
flags.DEFINE_multi_string("start", [], "NAME=CHECKPOINT, or NAME= for random weights.")
flags.DEFINE_multi_string("task", [], "NAME=FOLDER,FLAG=VALUE,...")
flags.DEFINE_integer("trials", 3, "Seeds.")


def main(argv):
    """Runs the trainings that are not finished; prints a row for each task and start."""
    del argv
    print("| task | start | figure | dev, best of each seed | maximum (mean) |")
    print("| --- | --- | --- | --- | --- |")
    for task in FLAGS.task:
        name, _, rest = task.partition("=")
        folder, *settings = rest.split(",")
        for start in FLAGS.start:
            trials = run(name, folder, settings, *start.split("=", 1))
            for figure in get_task(name).headline:
                values = [trial["eval_" + figure] for trial in trials]
                shown = " ".join("{:.1f}".format(100 * value) for value in values)
                row = name, start.split("=")[0], figure, shown, maximum_and_mean(values)
                print("| {} |".format(" | ".join(row)), flush=True)


def run(name, folder, settings, start, checkpoint):
    """All figures of the trials of a task from a starting point: list of dict."""
    output = os.path.join(FLAGS.output_dir, name, start)
    path = os.path.join(output, "trials.json")
    if not os.path.exists(path):
        command = [sys.executable, os.path.join(ROOT, "run_finetuning.py")]
        command += ["--task_name=" + name, "--data_dir=" + folder, "--output_dir=" + output]
        command += ["--bert_config_file=" + FLAGS.bert_config_file]
        command += ["--vocab_file=" + FLAGS.vocab_file, "--do_train", "--do_eval"]
        command += ["--num_trials={}".format(FLAGS.trials)] + ["--" + s for s in settings]
        if checkpoint:
            command.append("--init_checkpoint=" + checkpoint)
        os.makedirs(output, exist_ok=True)
        with open(os.path.join(output, "log"), "a", encoding="utf-8") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True)
    with open(path, encoding="utf-8") as reader:
        return json.load(reader)


if __name__ == "__main__":
    app.run(main)
