"""run_finetuning.py by google-research/bert's command lines: run_classifier.py, run_squad.py."""

import json

import numpy as np
import pytest
import script_driver
from flag_probe import probe
from record_files import TINY_CONFIG, write_json
from script_driver import error_of, out_of

from data.tokenizers.wordpiece import SPECIAL_TOKENS

pytestmark = pytest.mark.tf1
NAMES, VERBS, ENDS = ["tom", "amy", "bob"], ["sings", "runs"], ["home", "away"]
MODEL = """--vocab_file={folder}/vocab.txt --bert_config_file={folder}/config.json
--train_batch_size=12 --learning_rate=5e-3 --num_train_epochs=4 --output_dir={folder}/{output}"""
MRPC = (
    "--task_name=MRPC --do_train=true --do_eval=true --data_dir={folder}/MRPC --max_seq_length=24 "
)
SQUAD = """--do_train=True --train_file={folder}/train-v{v}.json --do_predict=True
--predict_file={folder}/dev-v{v}.json --max_seq_length=40 --doc_stride=16
--max_query_length=8 --max_answer_length=4 --n_best_size=3 --verbose_logging=true """
KEPT = -0.25  # the threshold of the training


def sentence(rng):
    return [rng.choice(NAMES), rng.choice(VERBS), rng.choice(ENDS)]


def write_mrpc(folder):
    folder.mkdir()
    rng = np.random.RandomState(0)
    for split, count in (("train", 48), ("dev", 12), ("test", 5)):
        lines = ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"]
        for _ in range(count):
            words, label = sentence(rng), rng.randint(2)
            other = words if label else ["home", "home", "home"]
            lines.append("{}\t1\t2\t{}\t{}".format(label, " ".join(words), " ".join(other)))
        if split == "test":
            lines = [lines[0].replace("Quality", "index"), *("0" + line[1:] for line in lines[1:])]
        (folder / (split + ".tsv")).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_squad(path, seed, count, has_unanswerable):
    """Who sings? In every second passage of 2.0 nobody does."""
    rng, paragraphs = np.random.RandomState(seed), []
    for number in range(count):
        name, end = rng.choice(NAMES), rng.choice(ENDS)
        verb = "runs" if has_unanswerable and number % 2 else "sings"
        context = "The {} {}.".format(name.title() + " " + verb, end)
        question = {"id": str(number), "question": "Who sings?", "answers": []}
        if verb == "sings":
            question["answers"].append({"text": name.title(), "answer_start": 4})
        if has_unanswerable:
            question["is_impossible"] = verb == "runs"
        paragraphs.append({"context": context, "qas": [question]})
    content = {"version": "x", "data": [{"title": "t", "paragraphs": paragraphs}]}
    path.write_text(json.dumps(content), encoding="utf-8")


def contexts_of(path):
    """dict id of a question -> its passage."""
    (article,) = json.loads(path.read_text())["data"]
    return {q["id"]: p["context"] for p in article["paragraphs"] for q in p["qas"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("google")
    tokens = [*SPECIAL_TOKENS, "the", "who", ".", "?", *NAMES, *VERBS, *ENDS]
    (path / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    config = dict(TINY_CONFIG, vocab_size=len(tokens), max_position_embeddings=48)
    write_json(path / "config.json", config)
    write_mrpc(path / "MRPC")
    for version in ("1.1", "2.0"):
        for seed, (split, count) in enumerate((("train", 60), ("dev", 12))):
            name = "{}-v{}.json".format(split, version)
            write_squad(path / name, seed, count, version == "2.0")
    return path


@pytest.fixture(scope="module")
def done(folder):
    def command(text, output, v="", more=""):
        return (text + MODEL + " " + more).format(folder=folder, output=output, v=v).split()

    threshold = "--do_train=False --null_score_diff_threshold=-1000"
    negative = "--version_2_with_negative=True --null_score_diff_threshold={} ".format(KEPT)
    runs = {
        "mrpc": command(MRPC, "mrpc", more="--do_predict=true"),
        "squad 1.1": command(SQUAD, "squad1", "1.1"),
        "squad 2.0": command(SQUAD + negative, "squad2", "2.0"),
        "threshold": command(SQUAD + "--version_2_with_negative=True ", "squad2", "2.0", threshold),
        "evaluated": command(SQUAD, "squad1", "1.1", "--do_train=False --do_eval=True"),
        "no file": command("--do_predict=True --train_file={folder}/train-v1.1.json ", "x"),
        "several": command(SQUAD + "--task_name=drcd,squad ", "x", "1.1"),
        "missing": command(SQUAD, "x", "3.0"),
        "no length": command("--task_name=mrpc --version_2_with_negative=true " + MRPC, "x"),
    }
    return dict(zip(runs, script_driver.run_many("run_finetuning", list(runs.values()))))


def test_mrpc(folder, done):
    """The name in capitals; the figures are those of the predicted labels against the file's."""
    out = out_of(done, "mrpc")
    assert "task: mrpc, labels 0, 1 (of the task)" in out
    results = dict(
        line.split(" = ") for line in (folder / "mrpc/eval_results.txt").read_text().splitlines()
    )
    predicted = (folder / "mrpc" / "dev_labels.txt").read_text().split()
    lines = (folder / "MRPC" / "dev.tsv").read_text().splitlines()[1:]
    right = np.mean([label == line[0] for label, line in zip(predicted, lines)])
    assert float(results["eval_accuracy"]) == right and len(predicted) == len(lines) == 12
    assert len((folder / "mrpc" / "test_results.tsv").read_text().splitlines()) == 5


def test_squad_1(folder, done):
    """No --task_name, no --data_dir; the file is scored, and written under the original's names."""
    out, made = out_of(done, "squad 1.1"), folder / "squad1"
    assert "task squadv1, by the flags of run_squad.py" in out
    answers = json.loads((made / "predictions.json").read_text())
    contexts = contexts_of(folder / "dev-v1.1.json")
    assert set(answers) == set(contexts)
    # Cut out of the passage with its capitals; the vocabulary is in lower case.
    assert all(answer and answer in contexts[i] for i, answer in answers.items())
    n_best = json.loads((made / "nbest_predictions.json").read_text())
    assert all(0 < len(spans) <= 3 for spans in n_best.values())
    assert not (made / "null_odds.json").exists() and "test_em = " in out
    assert "squadv1 dev em / f1: " in out_of(done, "evaluated")


def test_squad_2(folder, done):
    out, made = out_of(done, "squad 2.0"), folder / "squad2"
    assert "task squad, by the flags of run_squad.py" in out
    assert "test_no_answer_em = " in out and "test_has_answer_f1 = " in out
    assert "skipped; they count in no score" not in out
    # A later call with another threshold answers anew.
    assert "test_no_answer_em = 1.0\n" in out_of(done, "threshold")
    answers = json.loads((made / "predictions.json").read_text())
    assert answers == dict.fromkeys(contexts_of(folder / "dev-v2.0.json"), "")
    odds = json.loads((made / "null_odds.json").read_text())
    assert set(odds) == set(answers) and len(set(odds.values())) > 1


def test_the_threshold_is_kept_for_predictions(folder, done):
    """In task.json, for run_prediction.py, which may have another."""
    out_of(done, "threshold")
    task = json.loads((folder / "squad2" / "task.json").read_text())
    assert task["row_options"]["null_score_diff_threshold"] == KEPT
    contexts = contexts_of(folder / "dev-v2.0.json")
    lines = [{"id": i, "question": "Who sings?", "context": text} for i, text in contexts.items()]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    flags = "--task=answer --vocab_file={0}/vocab.txt --bert_config_file={0}/config.json "
    flags += "--init_checkpoint={0}/squad{1} "
    odds = json.loads((folder / "squad2" / "null_odds.json").read_text())
    middle = float(np.median(list(odds.values())))
    chosen = "--null_score_diff_threshold={}".format(middle)
    commands = [
        (flags + more).format(folder, n).split()
        for n, more in ((2, ""), (2, chosen), (1, ""), (1, chosen))
    ]
    runs = script_driver.run_many("run_prediction", commands, [text] * len(commands))
    for (code, out, err), threshold in zip(runs, (KEPT, middle)):
        assert code == 0, err
        results = {line["id"]: line for line in map(json.loads, out.splitlines())}
        assert list(results) == list(odds)
        for identity, result in results.items():
            assert result["null_odds"] == pytest.approx(odds[identity], abs=1e-4)
            if abs(result["null_odds"] - threshold) > 1e-4:
                assert (result["answer"] == "") == (result["null_odds"] > threshold)
    first = json.loads(runs[2][1].splitlines()[0])
    assert "null_odds" not in first and first["answer"]
    assert runs[3][0] == 1 and "for models whose questions may have no answer" in runs[3][2]


# Of run_classifier.py and of run_squad.py.
FLAGS_THERE = """data_dir bert_config_file task_name vocab_file output_dir init_checkpoint
do_lower_case max_seq_length do_train do_eval do_predict train_batch_size eval_batch_size
predict_batch_size learning_rate num_train_epochs warmup_proportion save_checkpoints_steps
iterations_per_loop use_tpu tpu_name tpu_zone gcp_project master num_tpu_cores train_file
predict_file doc_stride max_query_length n_best_size max_answer_length verbose_logging
version_2_with_negative null_score_diff_threshold"""


def test_every_flag_of_the_originals():
    assert set(FLAGS_THERE.split()) <= set(probe("run_finetuning")["flags"])


def test_refusals(done):
    assert "--do_predict needs --predict_file or --data_dir" in error_of(done, "no file")
    assert "--train_file is for one task; give --data_dir instead" in error_of(done, "several")
    assert "train-v3.0.json" in error_of(done, "missing")
    assert "has no meaning for --task_name=mrpc; remove it" in error_of(done, "no length")
