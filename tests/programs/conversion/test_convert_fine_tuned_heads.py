"""convert_checkpoint.py on heads for tags and answers: there, in use, and back."""

import json
import os
import tempfile

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("safetensors")

import huggingface_models as models
import torch
from conversion_cases import SIZES, assert_compared, write
from conversion_runs import (
    assert_equal_bits,
    converted,
    load,
    no_warnings,
    read_json,
    refused,
    variables_of,
)
from prediction_runs import TOKENS, results_of, write_text
from record_files import write_json
from script_driver import run_many

from finetuning.kinds.spans import spans_of_tags
from modeling.config_families import read_config
from modeling.conversion import families, network

pytestmark = pytest.mark.tf2_15

tf.disable_v2_behavior()

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
PREFIXES = {"bert": "Bert", "albert": "Albert", "electra": "Electra"}
CLASSES = {"tagging": "ForTokenClassification", "qa": "ForQuestionAnswering"}
COMPONENTS = {"tagging": "tagger", "qa": "answers", "multiple_choice": "chooser"}
OUTPUTS = {"tagging": "tag logits", "qa": "start and end logits"}


def make(folder, model, head, labels=5, task=None, has_pooler=True, **changes):
    """A checkpoint of random values with its config; (flags to convert it, its variables)."""
    sizes = dict(SIZES, model_type=model, num_hidden_layers=1, **changes)
    if model == "bert":
        del sizes["embedding_size"]
    os.makedirs(str(folder), exist_ok=True)
    path = os.path.join(str(folder), "config.json")
    write_text(path, json.dumps(sizes))
    config = read_config(path)
    if model == "electra":
        family, components = families.electra_task(head, task), []
    else:
        family = families.google_task(getattr(families, model.upper()), task, head)
        components = ["pooler"] if has_pooler else []
    components.append(COMPONENTS[head])
    shapes = network.shapes(config, components, labels, family.task.network)
    rng = np.random.RandomState(labels)
    variables = {
        name: (rng.standard_normal(shape) * 0.5).astype(np.float32)
        for name, shape in shapes.items()
        if has_pooler or "/pooler/" not in name
    }
    return write(folder, variables, sizes), variables


def write_task(folder, kind, name="weibo_ner", labels=LABELS, **changes):
    task = {
        "task": name,
        "kind": kind,
        "labels": list(labels),
        "max_seq_length": 20,
        "do_lower_case": True,
    }
    write_json(folder / "task.json", dict(task, **changes))


def add(folder, variables, **further):
    """The checkpoint in a folder with variables of these shapes as well."""
    made = {n: np.full(s, 0.5, np.float32) for n, s in further.pop("shapes").items()}
    write(folder, dict(variables, **made), read_json(folder, "config.json"))


@settings(max_examples=6, deadline=None)
@given(
    model=st.sampled_from(sorted(PREFIXES)),
    head=st.sampled_from(sorted(CLASSES)),
    labels=st.integers(1, 5),
    task=st.sampled_from([None, "cluener", "my-task.2"]),
    has_pooler=st.booleans(),
)
def test_round_trip(model, head, labels, task, has_pooler):
    task = task or ("drcd" if model == "electra" else None)
    with tempfile.TemporaryDirectory() as folder:
        hf, back = os.path.join(folder, "hf"), os.path.join(folder, "back", "x")
        source, variables = make(folder, model, head, labels, task, has_pooler)
        out = converted(pytorch_dump_path=hf, head=head, **source)
        assert_compared(out, OUTPUTS[head])
        class_name = PREFIXES[model] + CLASSES[head]
        config = read_json(hf, "config.json")
        assert config["architectures"] == [class_name]
        assert len(config.get("id2label", ())) == (labels if head == "tagging" else 0)
        beside = has_pooler and model != "electra"
        assert os.path.exists(os.path.join(hf, "pooler.safetensors")) == beside
        with no_warnings():
            assert not load("AutoModel" + CLASSES[head], hf)[1]
        assert_compared(converted(from_pytorch=hf, tf_dump_path=back), OUTPUTS[head])
        if model != "electra" and task:
            # One of several tasks becomes a model of its own.
            variables = {n.split("/" + task + "/")[-1]: v for n, v in variables.items()}
        assert_equal_bits(variables, variables_of(back))


@pytest.mark.parametrize("model", sorted(PREFIXES))
def test_hugging_faces_own_models(model, tmp_path):
    """Without a pooler, a file beside or a task's name."""
    for head, class_name in CLASSES.items():
        number = {"num_labels": 3} if head == "tagging" else {}
        sizes = {} if model == "bert" else {"embedding_size": 10}
        theirs = models.make_model(PREFIXES[model] + class_name, **number, **sizes)
        theirs.save_pretrained(str(tmp_path / head))
        flags = {"from_pytorch": tmp_path / head, "tf_dump_path": tmp_path / (head + "_tf") / "x"}
        if model == "electra":
            refused("give its name", "as --task_name", **flags)
            flags["task_name"] = "a"
        out = converted(**flags)
        assert_compared(out, OUTPUTS[head])
        variables = variables_of(flags["tf_dump_path"])
        state = {name: value.numpy() for name, value in theirs.state_dict().items()}
        weights = state["classifier.weight" if head == "tagging" else "qa_outputs.weight"]
        if model != "electra":
            name = "output_weights" if head == "tagging" else "cls/squad/output_weights"
            np.testing.assert_array_equal(variables[name], weights)
            refused("has none; remove it", task_name="a", **flags)
        elif head == "tagging":
            np.testing.assert_array_equal(variables["task_specific/a/dense/kernel"], weights.T)
        else:
            for i, layer in enumerate(("dense", "dense_1")):
                kernel = variables["task_specific/a/{}/kernel".format(layer)]
                np.testing.assert_array_equal(kernel, weights[i : i + 1].T)


def test_labels_and_kinds_by_the_task_file(tmp_path):
    """task.json says that a classifier's variables tag tokens; kinds of answers stay behind."""
    source, variables = make(tmp_path / "ner", "bert", "tagging")
    write_task(tmp_path / "ner", "tagging")
    converted(pytorch_dump_path=tmp_path / "ner_hf", **source)
    config = read_json(tmp_path / "ner_hf", "config.json")
    assert config["architectures"] == ["BertForTokenClassification"]
    assert list(config["id2label"].values()) == LABELS
    assert config["label2id"] == {label: i for i, label in enumerate(LABELS)}
    assert read_json(tmp_path / "ner_hf", "task.json")["labels"] == LABELS
    refused(
        "was fine-tuned for 'tagging', not for classification",
        pytorch_dump_path=tmp_path / "x",
        head="classification",
        **source,
    )
    kinds = ["span", "yes", "no", "unanswerable"]
    source, variables = make(tmp_path / "qa", "bert", "qa")
    add(tmp_path / "qa", variables, shapes={"output_weights": [4, 16], "output_bias": [4]})
    write_task(tmp_path / "qa", "questions", "cjrc", kinds)
    out = converted(pytorch_dump_path=tmp_path / "qa_hf", **source)
    assert "skipped: output_bias, output_weights (they tell kinds of answers apart" in out
    assert read_json(tmp_path / "qa_hf", "task.json")["labels"] == ["span"]
    assert read_json(tmp_path / "qa_hf", "config.json")["architectures"] == [
        "BertForQuestionAnswering"
    ]


def test_electra_heads_that_hugging_face_lacks(tmp_path):
    first = "task_specific/drcd/"
    source, variables = make(tmp_path / "a", "electra", "tagging", task="drcd")
    out = converted(pytorch_dump_path=tmp_path / "a_hf", **source)
    left = "skipped: {0}dense/bias, {0}dense/kernel (transformers' ElectraForSequenceClassifi"
    assert left.format(first) in out and "largest difference, hidden states" in out
    assert read_json(tmp_path / "a_hf", "config.json")["architectures"] == ["ElectraModel"]
    target = {"pytorch_dump_path": tmp_path / "x"}
    refused("cannot be converted: transf", "--head=none", head="classification", **source, **target)
    source, variables = make(tmp_path / "b", "electra", "qa", task="drcd")
    kinds = {first + "dense_2/kernel": [16, 1], first + "dense_2/bias": [1]}
    add(tmp_path / "b", variables, shapes=kinds)
    write_task(tmp_path / "b", "questions", "drcd", ["span"])
    out = converted(pytorch_dump_path=tmp_path / "b_hf", **source)
    assert "dense_2/kernel (they tell kinds" in out and "in the passage alone" in out
    options = read_json(tmp_path / "b_hf", "task.json")["head_options"]
    assert options == {"joint_prediction": False, "answerable_classifier": False}
    joint = {first + "qa_hidden/kernel": [32, 512], first + "qa_hidden/bias": [512]}
    add(tmp_path / "b", variables, shapes=joint)
    out = converted(pytorch_dump_path=tmp_path / "c_hf", **source)
    assert "ends that depend on starts" in out and "BertFor" not in out
    assert not (tmp_path / "c_hf" / "task.json").exists()
    refused("ends that depend on starts", "use --head=none", head="qa", **source, **target)


def test_one_of_several_tasks(tmp_path):
    source, variables = make(tmp_path / "tf", "bert", "tagging", task="weibo_ner")
    other = {"task_specific/tsv/output_weights": [2, 16], "task_specific/tsv/output_bias": [2]}
    add(tmp_path / "tf", variables, shapes=other)
    write_task(tmp_path / "tf", "tagging")
    task = read_json(tmp_path / "tf", "task.json")
    second = dict(task, task="tsv", kind="classification", labels=["a", "b"])
    tasks = [dict(t, is_one_of_several=True) for t in (task, second)]
    write_json(tmp_path / "tf" / "task.json", {"tasks": tasks})
    out = converted(pytorch_dump_path=tmp_path / "none", **source)
    assert "(the heads of tsv, weibo_ner; --task_name converts one)" in out
    for name, class_name in (
        ("weibo_ner", "BertForTokenClassification"),
        ("tsv", "BertForSequenceClassification"),
    ):
        converted(pytorch_dump_path=tmp_path / name, task_name=name, **source)
        assert read_json(tmp_path / name, "config.json")["architectures"] == [class_name]
        saved = read_json(tmp_path / name, "task.json")
        assert saved["task"] == name and saved["is_one_of_several"] is False
    # In any spelling that run_finetuning.py takes.
    converted(pytorch_dump_path=tmp_path / "upper", task_name="Weibo_NER", **source)
    assert read_json(tmp_path / "upper", "task.json")["task"] == "weibo_ner"
    target = {"pytorch_dump_path": tmp_path / "x"}
    refused("say which with --task_name", head="tagging", **source, **target)
    refused("has the heads of tsv, weibo_ner", task_name="a", **source, **target)
    source, _ = make(tmp_path / "one", "bert", "qa")
    refused("has no head that is named by a task", task_name="a", **source, **target)


TEXTS = ["今天天气好", "好气", "天dog好。"]
QUESTION, PASSAGE = "好", "今天天气好。天"


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """(folder, dict (model, head, kind of weights) -> results of run_prediction)."""
    folder = tmp_path_factory.mktemp("asked")
    write_text(folder / "vocab.txt", "\n".join(TOKENS) + "\n")
    lines, texts, keys = [], [], []
    for model in ("bert", "electra"):
        for head in CLASSES:
            path = folder / (model + head)
            task = "weibo_ner" if model == "electra" else None
            sizes = {"vocab_size": len(TOKENS), "max_position_embeddings": 24}
            source, _ = make(path, model, head, task=task, **sizes)
            if head == "tagging":
                write_task(path, "tagging")
            else:
                options = {"joint_prediction": False, "answerable_classifier": False}
                options = {"head_options": options} if model == "electra" else {}
                options["row_options"] = {"max_answer_length": 10}
                write_task(path, "questions", labels=["span"], **options)
            converted(pytorch_dump_path=path / "hf", **source)
            for weights in (path, path / "hf"):
                keys.append((model, head, weights.name == "hf"))
                task = "ner" if head == "tagging" else "answer"
                question = json.dumps({"question": QUESTION, "context": PASSAGE})
                texts.append("\n".join(TEXTS) if task == "ner" else question)
                values = {
                    "task": task,
                    "bert_config_file": path / "config.json",
                    "vocab_file": folder / "vocab.txt",
                    "init_checkpoint": weights,
                }
                lines.append(["--{}={}".format(*item) for item in values.items()])
    done = run_many("run_prediction", lines, texts)
    return folder, {key: results_of(result) for key, result in zip(keys, done)}


def logits_of(class_name, folder, tokens, second=0):
    """What transformers computes for tokens, the last `second` of them of the second segment."""
    ids = torch.tensor([[TOKENS.index(t) if t in TOKENS else 1 for t in tokens]])
    types = torch.zeros_like(ids)
    types[0, len(tokens) - second :] = 1
    with torch.no_grad():
        return load(class_name, folder)[0](input_ids=ids, token_type_ids=types)


@pytest.mark.parametrize("is_directory", [False, True])
@pytest.mark.parametrize("model", ["bert", "electra"])
def test_entities_are_those_of_transformers(model, is_directory, asked):
    folder, results = asked
    hf = folder / (model + "tagging") / "hf"
    for text, result in zip(TEXTS, results[model, "tagging", is_directory]):
        tokens = ["[CLS]", *text, "[SEP]"]
        logits = logits_of(PREFIXES[model] + CLASSES["tagging"], hf, tokens).logits[0, 1:-1]
        shares, tags = torch.softmax(logits, -1).max(-1)
        spans = spans_of_tags([LABELS[i] for i in tags])[0]
        entities = [(e["start"], e["end"], e["type"]) for e in result["entities"]]
        assert entities == [(span.start, span.end, span.type) for span in spans]
        for span, entity in zip(spans, result["entities"]):
            share = float(shares[span.start : span.end].mean())
            assert abs(entity["probability"] - share) < 1e-5


@pytest.mark.parametrize("is_directory", [False, True])
@pytest.mark.parametrize("model", ["bert", "electra"])
def test_answers_are_those_of_transformers(model, is_directory, asked):
    folder, results = asked
    hf = folder / (model + "qa") / "hf"
    tokens = ["[CLS]", *QUESTION, "[SEP]", *PASSAGE, "[SEP]"]
    scores = logits_of(PREFIXES[model] + CLASSES["qa"], hf, tokens, len(PASSAGE) + 1)
    first = 2 + len(QUESTION)
    starts, ends = (
        logits[0, first : first + len(PASSAGE)].numpy()
        for logits in (scores.start_logits, scores.end_logits)
    )
    (result,) = results[model, "qa", is_directory]
    expected = {
        (i, j + 1): starts[i] + ends[j] for i in range(len(starts)) for j in range(i, len(ends))
    }
    assert (result["start"], result["end"]) == max(expected, key=expected.get)
    assert len(result["n_best"]) == 5
    for span in result["n_best"]:
        assert abs(span["score"] - expected[span["start"], span["end"]]) < 1e-5
