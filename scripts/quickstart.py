"""Runs the main job on the sample with the commands of a user, and prints a summary.

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
from rich.table import Column, Table

OUTPUT = "quickstart"
CORPUS = "sample/corpus/*.txt"
TERMS = "sample/terms.txt"
VOCAB = "sample/vocab.txt"
CONFIG = "sample/overfitting_config.json"
RECORDS = OUTPUT + "/records/sample.tfrecord"
MODEL = OUTPUT + "/model"
CLASSIFIER = OUTPUT + "/classifier"
CONVERTED = OUTPUT + "/huggingface"
QUESTIONS, ANSWERS = OUTPUT + "/questions.txt", OUTPUT + "/answers.jsonl"
STEPS = 1500
# Words that are asked for with each seed, and how many of them are shown.
SEEDS, COUNT, SHOWN = (1, 2), 40, 4
NETWORK = "--bert_config_file={} --vocab_file={}".format(CONFIG, VOCAB)
FILLED = OUTPUT + "/filled_by_{}_weights.jsonl"
FILL = (
    "run_prediction.py --task=fill_mask --input_file={} --output_file={{}} {} "
    "--init_checkpoint={{}} --top_k=3".format(QUESTIONS, NETWORK)
)
COMMANDS = (
    (
        "records",
        "create_pretraining_data.py --input_file='{}' --input_format=raw --user_dict={} "
        "--output_file={} --vocab_file={} --objective=roberta --rows=sentences "
        "--masking=dynamic --masked_lm_prob=0.3 --max_seq_length=64".format(
            CORPUS, TERMS, RECORDS, VOCAB
        ),
    ),
    ("look inside", "-m data.inspect --input_file={} --vocab_file={}".format(RECORDS, VOCAB)),
    (
        "pre-training",
        "run_pretraining.py --input_file={} --output_dir={} {} --max_seq_length=64 --pack "
        "--max_predictions_per_seq=20 --precision=auto --kernels=fused --do_train "
        "--train_batch_size=64 --learning_rate=2e-3 --num_train_steps={steps} "
        "--num_warmup_steps=300 --save_checkpoints_steps={steps}".format(
            RECORDS, MODEL, NETWORK, steps=STEPS
        ),
    ),
    (
        "questions",
        "-m sample.masked_words --input_file='{}' --user_dict={} --output_file={} "
        "--answers_file={} --seeds={} --count={}".format(
            CORPUS, TERMS, QUESTIONS, ANSWERS, ",".join(map(str, SEEDS)), COUNT
        ),
    ),
    ("masked words, random weights", FILL.format(FILLED.format("random"), MODEL + "/model.ckpt-0")),
    ("masked words, trained weights", FILL.format(FILLED.format("trained"), MODEL)),
    (
        "fine-tuning",
        "run_finetuning.py --task_name=tsv --data_dir=sample/topics --output_dir={} {} "
        "--init_checkpoint={} --do_train --do_eval --max_seq_length=64 --train_batch_size=16 "
        "--learning_rate=3e-4 --num_train_epochs=6".format(CLASSIFIER, NETWORK, MODEL),
    ),
    (
        "conversion",
        "convert_checkpoint.py --tf_checkpoint_path={} --config_file={} --vocab_file={} "
        "--pytorch_dump_path={}".format(MODEL, CONFIG, VOCAB, CONVERTED),
    ),
)


def run_commands():
    """Runs every command; returns {name: seconds}."""
    seconds = {}
    for name, command in COMMANDS:
        print("\n== {}\npython {}".format(name, command), flush=True)
        begin = time.monotonic()
        code = subprocess.call([sys.executable, *shlex.split(command)])
        if code:
            sys.exit("error: the step '{}' stopped with exit code {}".format(name, code))
        seconds[name] = round(time.monotonic() - begin, 1)
    return seconds


def read_results(path):
    """The `name = value` lines of a fine-tuning's eval_results.txt as floats."""
    with open(path, encoding="utf-8") as f:
        return {k.strip(): float(v) for k, v in (line.split("=") for line in f if "=" in line)}


def read_lines(path):
    """The JSON lines of a file: a list of dicts."""
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def words_asked():
    """A dict for each question: seed, text, at, word, and what both models put there."""
    asked = read_lines(ANSWERS)
    for weights in ("trained", "random"):
        for question, line in zip(asked, read_lines(FILLED.format(weights))):
            end = question["at"] + len(question["word"])
            question[weights] = line["filled"][question["at"] : end]
    return asked


def summary_of(seconds):
    """The dict that summary.json holds."""
    with open(OUTPUT + "/records/_sample.tfrecord.manifest.json", encoding="utf-8") as f:
        manifest = json.load(f)
    words = words_asked()
    return {
        "records": manifest["records"],
        "tokens": manifest["tokens"],
        "unknown_share": manifest["unknown_share"],
        "user_dict": manifest["user_dict"],
        "words": words,
        "right": {seed: count_right([w for w in words if w["seed"] == seed]) for seed in SEEDS},
        "classifier": read_results(CLASSIFIER + "/eval_results.txt"),
        "seconds": seconds,
    }


def count_right(words):
    """{"trained": number of words, "random": number}."""
    return {kind: sum(w["word"] == w[kind] for w in words) for kind in ("trained", "random")}


def show(summary):
    """Prints the summary for people."""
    console = Console()
    sentence = Column("sentence", overflow="fold")
    table = Table(sentence, "word", "model", "random weights", title="Masked words filled in")
    for seed in SEEDS:
        of_seed = [word for word in summary["words"] if word["seed"] == seed]
        for word in of_seed[:SHOWN]:
            text = word["text"].replace("[MASK]", "＿")  # which no line end cuts in two
            table.add_row(text, word["word"], word["trained"], word["random"])
        right = summary["right"][seed]
        shown = ["{} of {}".format(right[kind], COUNT) for kind in ("trained", "random")]
        table.add_row("right, all words of seed {}".format(seed), "", *shown, end_section=True)
    console.print(table)
    table = Table("what", "value", title="Quanci on its sample")
    for name in ("records", "tokens", "unknown_share"):
        table.add_row(name, "{:,}".format(summary[name]))
    for name, value in summary["classifier"].items():
        table.add_row("topics, dev examples: " + name, "{:g}".format(value))
    for name, value in summary["seconds"].items():
        table.add_row("seconds: " + name, "{:g}".format(value))
    table.add_row("seconds: all", "{:g}".format(sum(summary["seconds"].values())))
    console.print(table)
    print(
        "The model knows the sentences of its corpus, not the language: it has read 27,000 "
        "characters several hundred times. For texts of your own continue a released model.\n"
        "records, models and summary.json are in {}/".format(OUTPUT)
    )


def main():
    shutil.rmtree(OUTPUT, ignore_errors=True)
    os.makedirs(OUTPUT)
    summary = summary_of(run_commands())
    with open(OUTPUT + "/summary.json", "w", encoding="utf-8") as f:
        json.dump(summary, f, indent=1, ensure_ascii=False)
        f.write("\n")
    show(summary)


if __name__ == "__main__":
    main()
