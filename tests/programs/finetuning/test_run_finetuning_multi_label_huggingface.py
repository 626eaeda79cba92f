"""Models of any number of labels from and to Hugging Face: what problem_type says is what is
computed."""

import json

import medical_tags
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("safetensors")

import torch
from conversion_runs import assert_equal_bits, converted, load, no_warnings, read_json, variables_of
from huggingface_models import SIZES, make_model
from medical_tags import TAGS, flags_of, indicators_of
from record_files import write_json
from script_driver import error_of, out_of, run_many

from data.tokenizers.text_settings import TextSettings
from finetuning import task_file
from finetuning.registry import get_task
from modeling.conversion.huggingface import read_directory, write_checkpoint

pytestmark = pytest.mark.tf2_15

MULTI, SINGLE = "multi_label_classification", "single_label_classification"
NAMES = {"id2label": dict(enumerate(TAGS)), "label2id": {tag: i for i, tag in enumerate(TAGS)}}
# Directory -> settings of a model that was fine-tuned elsewhere.
MADE = {
    "several": dict(NAMES, problem_type=MULTI),
    "one": dict(NAMES, problem_type=SINGLE),
    "silent": NAMES,
    "unnamed": {"num_labels": 3, "problem_type": MULTI},
    "regression": {"num_labels": 1, "problem_type": "regression"},
    "a number": {"num_labels": 1},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of medical tags, models of transformers, and a checkpoint with its directory."""
    folder = tmp_path_factory.mktemp("several")
    medical_tags.make_files(folder)
    tokens = (folder / "vocab.txt").read_text(encoding="utf-8").split()
    tokens += ["[unused{}]".format(i) for i in range(SIZES["vocab_size"] - len(tokens))]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    for name, settings in MADE.items():
        make_model("BertForSequenceClassification", **settings).save_pretrained(str(folder / name))
    (folder / "misspelt").mkdir()
    for path in (folder / "several").iterdir():
        (folder / "misspelt" / path.name).write_bytes(path.read_bytes())
    values = dict(read_json(folder / "several", "config.json"), problem_type="multilabel")
    write_json(folder / "misspelt" / "config.json", values)
    # A checkpoint of the program's own with a threshold of its own, and its conversions.
    write_checkpoint(
        str(folder / "ours" / "model.ckpt"), read_directory(str(folder / "several")).variables
    )
    write_json(folder / "ours" / "bert_config.json", dict(SIZES))
    task = get_task("multi_label")
    task.labels = TAGS
    task.configure({"decision_threshold": 0.3, "label_separator": "|"})
    task_file.save(str(folder / "ours"), [(task, {})], 12, TextSettings(True))
    converted(
        tf_checkpoint_path=folder / "ours" / "model.ckpt",
        config_file=folder / "ours" / "bert_config.json",
        vocab_file=folder / "vocab.txt",
        pytorch_dump_path=folder / "hf",
    )
    converted(from_pytorch=folder / "hf", tf_dump_path=folder / "back" / "model.ckpt")
    (folder / "mixed").mkdir()
    for path in (folder / "hf").iterdir():
        (folder / "mixed" / path.name).write_bytes(path.read_bytes())
    values = dict(read_json(folder / "hf", "config.json"), problem_type=SINGLE)
    write_json(folder / "mixed" / "config.json", values)
    # Texts of one tag.
    (folder / "single").mkdir()
    made = medical_tags.complaints(40, 5)
    lines = "".join("{}\t{}\n".format(text, tags[0]) for text, tags in made if tags)
    for split in ("train", "dev"):
        (folder / "single" / (split + ".tsv")).write_text(lines, encoding="utf-8")
    (folder / "three").mkdir()
    lines = "".join("{}\t{}\n".format(text, ",".join(tags)) for text, tags in made if tags != TAGS)
    lines = lines.replace(TAGS[0], TAGS[1])
    (folder / "three" / "dev.tsv").write_text(lines, encoding="utf-8")
    (folder / "single" / "labels.txt").write_text("\n".join(TAGS) + "\n", encoding="utf-8")
    return folder


def run_on(folder, model, place="data", **changes):
    """The command line of an evaluation of a directory, or of the checkpoint in it."""
    is_ours = not (folder / model / "config.json").exists()
    config = "bert_config.json" if is_ours else "config.json"
    flags = {
        "init_checkpoint": str(folder / model / "model.ckpt" if is_ours else folder / model),
        "bert_config_file": str(folder / model / config),
        "do_train": None,
        "do_predict": None,
        "place": place,
    }
    flags.update(changes)
    return flags_of(folder, **flags)


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, stdout, stderr] of run_finetuning.py."""
    one_class = {"task_name": "tsv", "place": "single"}
    train = {"do_train": True, "do_eval": None, "num_train_epochs": 0.1}
    runs = {
        "several": ("several", {}),
        "silent": ("silent", {}),
        "hf": ("hf", {"place": "bars"}),  # the model's own separator
        "back": ("back", {"place": "bars"}),
        "one class of one": ("one", one_class),
        "one class of a silent one": ("silent", one_class),
        "one class of several": ("several", one_class),
        "several of one class": ("one", {}),
        "regression": ("regression", {}),
        "a number": ("a number", one_class),
        "unnamed": ("unnamed", {"place": "three"}),
        "misspelt": ("misspelt", {}),
        "mixed": ("mixed", {}),
        "trained from one class": ("one", train),
        "trained from several": ("several", train),
        "one class trained from several": ("hf", dict(one_class, **train)),
    }
    commands = [
        run_on(folder, model, output_dir=str(folder / ("out " + name)), **changes)
        for name, (model, changes) in runs.items()
    ]
    return dict(zip(runs, run_many("run_finetuning", commands, timeout=1500)))


@pytest.fixture(scope="module")
def predicted(folder):
    """directory -> [exit code, stdout, stderr] of run_prediction.py on the dev texts."""
    names = [*MADE, "misspelt", "hf", "ours", "back", "mixed"]
    texts = "".join(text + "\n" for text, _ in medical_tags.complaints(60, 1))
    commands = []
    for name in names:
        config = "config.json" if (folder / name / "config.json").exists() else "bert_config.json"
        checkpoint = folder / name if config == "config.json" else folder / name / "model.ckpt"
        flags = {
            "task": "classify",
            "bert_config_file": folder / name / config,
            "vocab_file": folder / "vocab.txt",
            "init_checkpoint": checkpoint,
            "max_seq_length": 12,
        }
        commands.append(["--{}={}".format(*flag) for flag in flags.items()])
    return dict(zip(names, run_many("run_prediction", commands, [texts] * len(names))))


def logits_of(folder, name):
    """What transformers computes for the dev texts."""
    tokens = (folder / "vocab.txt").read_text(encoding="utf-8").split()
    model = load("AutoModelForSequenceClassification", folder / name)[0]
    rows = []
    for text, _ in medical_tags.complaints(60, 1):
        ids = [tokens.index(t) for t in ("[CLS]", *text, "[SEP]")]
        with torch.no_grad():
            rows.append(model(input_ids=torch.tensor([ids])).logits[0])
    return torch.stack(rows).double()


def results_in(path):
    lines = path.read_text().splitlines()
    return {name: float(value) for name, value in (line.split(" = ") for line in lines)}


@pytest.mark.parametrize("name", ["several", "silent", "hf", "back"])
def test_evaluation_is_a_sigmoid(folder, done, name):
    out = out_of(done, name)
    assert "task: multi_label, labels " in out and " (of the trained model)" in out
    said = "config.json has no problem_type; the outputs are taken for those of " + MULTI
    assert (said in out) == (name == "silent")
    shares = torch.sigmoid(logits_of(folder, "hf" if name == "back" else name)).numpy()
    place = folder / ("out " + name)
    ours = np.loadtxt(str(place / "dev_results.tsv"), delimiter="\t")
    np.testing.assert_allclose(ours, shares, atol=1e-5)
    threshold = 0.3 if name in ("hf", "back") else 0.5  # the model's own
    chosen = (shares >= threshold).astype(int)
    right = indicators_of(medical_tags.complaints(60, 1))
    expected = 2 * (right * chosen).sum() / (right.sum() + chosen.sum())
    assert results_in(place / "eval_results.txt")["eval_micro_f1"] == pytest.approx(expected)


def test_labels_that_the_model_does_not_name(folder, done):
    assert (
        "WARNING: the model in {} does not name its labels; those found in dev are taken in this "
        "order: ".format(folder / "unnamed")
    ) in out_of(done, "unnamed")


def test_a_directory_of_one_class_stays_one(folder, done):
    for name, model in (("one class of one", "one"), ("one class of a silent one", "silent")):
        assert "WARNING: " + str(folder / model) not in out_of(done, name)
        lines = (folder / ("out " + name) / "dev_results.tsv").read_text().splitlines()
        sums = [sum(map(float, line.split("\t"))) for line in lines]
        np.testing.assert_allclose(sums, 1.0, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("one class of several", "says problem_type " + MULTI + ", but task tsv is " + SINGLE),
        ("several of one class", "says problem_type " + SINGLE + ", but task multi_label is "),
        ("regression", "says problem_type regression, but task multi_label is " + MULTI),
        ("a number", "says problem_type regression, but task tsv is single_label_classification"),
        ("misspelt", "problem_type 'multilabel' is none of regression, single_label"),
        ("mixed", "says problem_type " + SINGLE + ", but task multi_label is " + MULTI),
    ],
)
def test_other_outputs_are_refused(done, name, message):
    said = error_of(done, name)
    assert message in said and "config.json" in said
    if "problem_type regression" in said:
        assert said.rstrip().endswith("there is no task of numbers")


def test_training_from_the_head_of_another_kind(done):
    start = "WARNING: the head of "
    assert start not in out_of(done, "trained from several")
    out = out_of(done, "trained from one class")
    assert " is of {}; task multi_label (multi_label) starts from it".format(SINGLE) in out
    out = out_of(done, "one class trained from several")
    assert " is of multi_label; task tsv (classification) starts from it" in out


@pytest.mark.parametrize("name", ["several", "unnamed", "one", "silent", "hf", "ours", "back"])
def test_prediction(folder, predicted, name):
    code, out, err = predicted[name]
    assert code == 0, err
    logits = logits_of(folder, "hf" if name in ("ours", "back") else name)
    is_one = name in ("one", "silent")  # transformers' default
    shares = (torch.softmax(logits, -1) if is_one else torch.sigmoid(logits)).numpy()
    labels = ["LABEL_0", "LABEL_1", "LABEL_2"] if name == "unnamed" else TAGS
    threshold = 0.3 if name in ("hf", "ours", "back") else 0.5
    lines = [json.loads(line) for line in out.splitlines()]
    assert len(lines) == len(shares)
    for line, row in zip(lines, shares):
        assert list(line["probabilities"]) == labels
        np.testing.assert_allclose(list(line["probabilities"].values()), row, atol=1e-5)
        if is_one:
            assert line["label"] == labels[row.argmax()]
        else:
            assert set(line["labels"]) == {t for t, p in zip(labels, row) if p >= threshold}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("regression", "problem_type is regression, and --task=classify predicts labels only"),
        ("a number", "problem_type is regression, and --task=classify predicts labels only"),
        ("misspelt", "problem_type 'multilabel' is none of"),
        ("mixed", "says problem_type " + SINGLE + ", but "),
    ],
)
def test_prediction_of_something_else(predicted, name, message):
    assert message in error_of(predicted, name)


def test_conversion(folder):
    """There, with what transformers needs for the same loss and pipeline, and back."""
    config = read_json(folder / "hf", "config.json")
    assert config["problem_type"] == MULTI
    assert config["id2label"] == {str(i): tag for i, tag in enumerate(TAGS)}
    assert config["label2id"] == {tag: i for i, tag in enumerate(TAGS)}
    with no_warnings():
        model, _ = load("AutoModelForSequenceClassification", folder / "hf")
    inputs = {"input_ids": torch.tensor([[2, 5, 6, 3]]), "labels": torch.ones([1, len(TAGS)])}
    with torch.no_grad():
        output = model(**inputs)
    by_hand = torch.nn.functional.softplus(-output.logits).mean()
    assert float(output.loss) == pytest.approx(float(by_hand), rel=1e-5)
    for file in ("hf", "back"):
        saved = read_json(folder / file, "task.json")
        assert (saved["kind"], saved["labels"]) == ("multi_label", TAGS)
        assert saved["row_options"] == {"label_separator": "|", "decision_threshold": 0.3}
    assert_equal_bits(
        variables_of(folder / "ours" / "model.ckpt"), variables_of(folder / "back" / "model.ckpt")
    )


def test_a_checkpoint_has_no_place_for_problem_type(folder, tmp_path):
    out = converted(from_pytorch=folder / "several", tf_dump_path=tmp_path / "x")
    assert "WARNING: problem_type {} in {}".format(MULTI, folder / "several") in out
    assert "WARNING" not in converted(from_pytorch=folder / "hf", tf_dump_path=tmp_path / "y" / "x")
