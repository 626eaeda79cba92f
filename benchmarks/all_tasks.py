"""Reads, trains, evaluates and predicts every task that has files in a folder, and prints a table.

python benchmarks/all_tasks.py --datasets=datasets --vocab_file=vocab.txt --work_dir=/tmp/tasks

The model is tiny and trained for a few updates: this shows that each chain runs over whole files
and drops no example silently, not how good a model is. `datasets` holds the files of FILES; where a
task has no training file its development file is used.
"""

import json
import os
import re
import subprocess
import sys

from absl import app, flags

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from finetuning.registry import TASK_NAMES, get_task  # noqa: E402

FLAGS = flags.FLAGS
flags.DEFINE_string("datasets", None, "Folder with a folder of files for each task.", required=True)
flags.DEFINE_string("vocab_file", None, "Vocabulary.", required=True)
flags.DEFINE_string("work_dir", None, "For links, models and predictions.", required=True)
flags.DEFINE_list("tasks", None, "Only these.")

# Task -> split -> file below `datasets`, and its name for the task where that differs.
_NEWS = "peopledaily_ner/ymcui_peopledaily_zip/"
_CMRC = "cmrc2018/squad-style-data/"
FILES = {
    "afqmc": ["afqmc/train.json", "afqmc/dev.json", "afqmc/test.json"],
    "bqcorpus": ["bq_corpus/dev.csv train.csv", "bq_corpus/dev.csv", "bq_corpus/test.csv"],
    "cail2018": [
        "cail2018/data_train.json",
        "cail2018/data_test.json dev.json",
        "cail2018/data_test.json",
        "cail2018/accu.txt",
    ],
    "chnsenticorp": ["chnsenticorp/{}.tsv".format(s) for s in ("train", "dev", "test")],
    "cjrc": [
        "cjrc/small_train_data_excerpt.json train.json",
        "cjrc/cail2021_mrc_small.json dev.json",
        "cjrc/small_train_data_excerpt.json test.json",
    ],
    "cluener": ["cluener/{}.json".format(s) for s in ("train", "dev", "test")],
    "cluewsc2020": [
        "cluewsc2020/{}.json".format(s) for s in ("train_few_all", "dev_few_all", "test_public")
    ],
    "cmnli": ["cmnli/dev.json train.json", "cmnli/dev.json", "cmnli/dev.json test.json"],
    "cmrc2018": [_CMRC + "cmrc2018_{}.json".format(s) for s in ("train", "dev", "trial")],
    "csl": [
        "csl/fewclue_train_few_all.json train.json",
        "csl/test_public.json dev.json",
        "csl/test_public.json",
    ],
    "drcd": [
        "drcd/DRCD_dev.json train.json",
        "drcd/DRCD_test.json dev.json",
        "drcd/DRCD_test.json",
    ],
    "iflytek": [
        "iflytek/fewclue_train_few_all.json train.json",
        "iflytek/dev.json",
        "iflytek/dev.json test.json",
    ],
    "lcqmc": ["lcqmc/dev.txt train.txt", "lcqmc/dev.txt", "lcqmc/test.txt"],
    "msra_ner": [
        "msra_ner/dh_msra.txt",
        "msra_ner/ernie_tsv/dev.tsv",
        "msra_ner/msra_test_bio.txt",
    ],
    "ocnli": ["ocnli/train.3k.json", "ocnli/dev.json", "ocnli/test.json"],
    "peopledaily_ner": [_NEWS + "train.txt", _NEWS + "dev.txt", "peopledaily_ner/example.test"],
    "thucnews": [
        "thucnews/cnews/cnews.train.txt",
        "thucnews/cnews/cnews.val.txt",
        "thucnews/cnews/cnews.val.txt cnews.test.txt",
    ],
    "tnews": ["tnews/fewclue_train_few_all.json train.json", "tnews/dev.json", "tnews/test.json"],
    "weibo_ner": ["weibo_ner/weiboNER_2nd_conll." + s for s in ("train", "dev", "test")],
    "xnli": ["xnli/dev.tsv train.tsv", "xnli/dev.tsv", "xnli/test.tsv"],
}
CONFIG = {
    "vocab_size": 21128,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "type_vocab_size": 2,
}


def main(argv):
    """Runs the tasks; a row for each file."""
    del argv
    left = set(TASK_NAMES) - set(FILES) - {"tsv", "ner"}
    assert not left, left
    os.makedirs(FLAGS.work_dir, exist_ok=True)
    config = os.path.join(FLAGS.work_dir, "config.json")
    with open(config, "w", encoding="utf-8") as writer:
        json.dump(CONFIG, writer)
    print("| task | file | examples | mended | skipped | figure | predictions |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name in FLAGS.tasks or FILES:
        run(name, config)


def run(name, config):
    """Prints the rows of a task."""
    folder = os.path.join(FLAGS.work_dir, "data", name)
    output = os.path.join(FLAGS.work_dir, "out", name)
    os.makedirs(folder, exist_ok=True)
    for entry in FILES[name]:
        source, *names = entry.split()
        link = os.path.join(folder, names[0] if names else os.path.basename(source))
        if not os.path.lexists(link):
            os.symlink(os.path.join(os.path.abspath(FLAGS.datasets), source), link)
    done = subprocess.run(
        [
            sys.executable,
            os.path.join(ROOT, "run_finetuning.py"),
            "--task_name=" + name,
            "--data_dir=" + folder,
            "--output_dir=" + output,
            "--bert_config_file=" + config,
            "--vocab_file=" + FLAGS.vocab_file,
            "--do_train",
            "--do_eval",
            "--do_predict",
            "--num_train_epochs=0.05",
            "--max_seq_length=128",
            "--train_batch_size=16",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    text = done.stdout.decode("utf-8")
    if done.returncode:
        sys.exit("{}: {}".format(name, text[-2000:]))
    task = get_task(name)
    for split, (path, row) in zip(("train", "dev", "test"), _rows(text, folder)):
        figure = ""
        prefix = "test" if split == "test" else "eval"
        values = re.findall(r"  {}_{} = (\S+)".format(prefix, task.headline[-1]), text)
        if split != "train" and values:
            figure = "{} {:.1f}".format(task.headline[-1], 100 * float(values[-1]))
        predicted = re.findall(r"predictions of (\d+) {} examples".format(split), text)
        source = os.path.relpath(os.path.realpath(path), os.path.realpath(FLAGS.datasets))
        cells = [name, source, *row, figure, predicted[0] if predicted else ""]
        print("| {} |".format(" | ".join(cells)), flush=True)


def _rows(text, folder):
    """Yields (path, [examples, mended, skipped]) of the table in the log."""
    for line in text.splitlines():
        cells = re.split(r"  +", line[9:].strip())
        if cells[0].startswith(folder) and len(cells) == 4:
            yield cells[0], cells[1:]


if __name__ == "__main__":
    app.run(main)
