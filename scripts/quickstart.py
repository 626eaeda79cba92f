"""Runs the whole chain on the sample with the commands of a user, and prints a summary.

Called by quickstart.sh, in the project's folder.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

OUTPUT = "quickstart"
VOCAB = "sample/vocab.txt"
CONFIG = "sample/bert_config.json"
LTP = OUTPUT + "/ltp"
ANNOTATED = OUTPUT + "/annotated/{}.conllu"
RECORDS = OUTPUT + "/records/sample.tfrecord"
HELD_OUT = OUTPUT + "/records/held_out.tfrecord"
MODEL = OUTPUT + "/model"
FILLED = OUTPUT + "/filled.jsonl"
TAGS = OUTPUT + "/tags.jsonl"
CLASSIFIER = OUTPUT + "/classifier"
CONVERTED = OUTPUT + "/huggingface"
SHAPE = "--max_seq_length=64 --max_predictions_per_seq=10"
ANNOTATE = (
    "annotate_corpus.py --input_format=raw --ltp_model={} --input_file={{}} "
    "--output_file={{}}".format(LTP)
)
CREATE = (
    "create_pretraining_data.py --input_format=conllu --vocab_file={} --objective=lert {} "
    "--input_file={{}} --output_file={{}} --dupe_factor={{}}".format(VOCAB, SHAPE)
)
ASK = (
    "run_prediction.py --task={{}} --input_file=sample/masked.txt --output_file={{}} "
    "--bert_config_file={} --vocab_file={} --init_checkpoint={}".format(CONFIG, VOCAB, MODEL)
)
# News is held out; everything else is trained on.
TRAINED_ON = ",".join(
    "sample/corpus/{}.txt".format(name)
    for name in ("dialogue", "encyclopedia", "finance", "law", "medicine", "traditional")
)
STEPS = (
    (
        "a model that annotates",
        "-m sample.train_ltp --annotations='sample/annotations/*.conllu' --output_dir=" + LTP,
    ),
    ("annotation", ANNOTATE.format(TRAINED_ON, ANNOTATED.format("sample"))),
    ("held-out annotation", ANNOTATE.format("sample/corpus/news.txt", ANNOTATED.format("news"))),
    ("records", CREATE.format(ANNOTATED.format("sample"), RECORDS, 10)),
    ("held-out records", CREATE.format(ANNOTATED.format("news"), HELD_OUT, 1)),
    ("look inside", "-m data.inspect --input_file={} --vocab_file={}".format(RECORDS, VOCAB)),
    (
        "pre-training",
        "run_pretraining.py --input_file={} --eval_file={} --output_dir={} "
        "--bert_config_file={} {} "
        "--do_train --do_eval --train_batch_size=32 --eval_batch_size=32 --learning_rate=5e-4 "
        "--num_train_steps=300 --num_warmup_steps=60 --save_checkpoints_steps=300".format(
            RECORDS, HELD_OUT, MODEL, CONFIG, SHAPE
        ),
    ),
    ("fill masks", ASK.format("fill_mask", FILLED) + " --top_k=3"),
    ("tags of the masks", ASK.format("tags", TAGS)),
    (
        "fine-tuning",
        "run_finetuning.py --task_name=tsv --data_dir=sample/classification --output_dir={} "
        "--bert_config_file={} --vocab_file={} --init_checkpoint={} --do_train --do_eval "
        "--max_seq_length=64 --train_batch_size=16 --learning_rate=2e-4 "
        "--num_train_epochs=12".format(CLASSIFIER, CONFIG, VOCAB, MODEL),
    ),
    (
        "conversion",
        "convert_checkpoint.py --tf_checkpoint_path={} --config_file={} --vocab_file={} "
        "--pytorch_dump_path={}".format(MODEL, CONFIG, VOCAB, CONVERTED),
    ),
)


def run_steps():
    """Runs every step; returns {name: seconds}."""
    seconds = {}
    for name, command in STEPS:
        print("\n== {}\npython {}".format(name, command), flush=True)
        begin = time.monotonic()
        code = subprocess.call([sys.executable, *shlex.split(command)])
        if code:
            sys.exit("error: the step '{}' stopped with exit code {}".format(name, code))
        seconds[name] = round(time.monotonic() - begin, 1)
    return seconds


def read_results(path):
    """The `name = value` lines of eval_results.txt as floats."""
    with open(path, encoding="utf-8") as f:
        return {k.strip(): float(v) for k, v in (line.split("=") for line in f if "=" in line)}


def read_lines(path):
    """The JSON lines of run_prediction.py: a list of dicts."""
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def shown_tags(line):
    """The tags of a line's masks as a text: "n O SBV, v O HED"."""
    masks = ([mask[kind]["tag"] for kind in ("pos", "ner", "dep")] for mask in line["masks"])
    return ", ".join(" ".join(tags) for tags in masks)


def main():
    shutil.rmtree(OUTPUT, ignore_errors=True)
    os.makedirs(OUTPUT)
    seconds = run_steps()
    with open(OUTPUT + "/records/_sample.tfrecord.manifest.json", encoding="utf-8") as f:
        manifest = json.load(f)
    summary = {
        "records": manifest["records"],
        "tokens": manifest["tokens"],
        "masked_share": manifest["masked_share"],
        "unknown_share": manifest["unknown_share"],
        "evaluation": read_results(MODEL + "/eval_results.txt"),
        "filled": [line["filled"] for line in read_lines(FILLED)],
        "tags": [shown_tags(line) for line in read_lines(TAGS)],
        "classifier": read_results(CLASSIFIER + "/eval_results.txt"),
        "seconds": seconds,
    }
    with open(OUTPUT + "/summary.json", "w", encoding="utf-8") as f:
        json.dump(summary, f, indent=1)
        f.write("\n")
    table = Table("what", "value", title="Quanci on its sample")
    for name in ("records", "tokens", "masked_share", "unknown_share"):
        table.add_row(name, "{:,}".format(summary[name]))
    for name, value in summary["evaluation"].items():
        table.add_row("held out: " + name, "{:g}".format(value))
    for text, tags in zip(summary["filled"], summary["tags"]):
        table.add_row("masks filled", "{} ({})".format(text, tags))
    for name, value in summary["classifier"].items():
        table.add_row("classifier: " + name, "{:g}".format(value))
    for name, value in seconds.items():
        table.add_row("seconds: " + name, "{:g}".format(value))
    table.add_row("seconds: all", "{:g}".format(sum(seconds.values())))
    Console().print(table)
    print("records, models and summary.json are in {}/".format(OUTPUT))


if __name__ == "__main__":
    main()
