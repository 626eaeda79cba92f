"""run_finetuning.py on fine-tuned Hugging Face models, against what these say themselves."""

import json

import numpy as np
import pytest
from huggingface_models import SIZES, make_model
from script_driver import error_of, out_of, run_many

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

CHARACTERS = "天地人你我他大小多少高低"
LABELS = ["I-LOC", "O", "B-PER", "B-LOC", "I-PER"]  # in no order of ours
SENTENCES = ["天地人你我", "他大", "小多少高低天地人"]
KINDS = {"Bert": {}, "Albert": {"embedding_size": 12}, "Electra": {"embedding_size": 12}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(folder, dict name -> model): a vocabulary, directories of models, and files of two tasks."""
    folder = tmp_path_factory.mktemp("starts")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *CHARACTERS]
    tokens += ["[unused{}]".format(i) for i in range(SIZES["vocab_size"] - len(tokens))]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    models = {}
    for kind, sizes in KINDS.items():
        names = {"id2label": dict(enumerate(LABELS))}
        models["tags " + kind] = make_model(kind + "ForTokenClassification", **names, **sizes)
    models["answers"] = make_model("BertForQuestionAnswering")
    for name, model in models.items():
        model.save_pretrained(str(folder / name))
    (folder / "ner").mkdir()
    blocks = ["".join("{}\tO\n".format(c) for c in s).replace("O", "B-PER", 1) for s in SENTENCES]
    (folder / "ner" / "dev.txt").write_text("\n".join(blocks), encoding="utf-8")
    questions = []
    for number, passage in enumerate(SENTENCES):
        answer = {"text": passage[0], "answer_start": 0}
        asked = {"id": str(number), "question": "你我", "answers": [answer]}
        questions.append({"context": passage, "qas": [asked]})
    (folder / "cmrc").mkdir()
    data = {"data": [{"title": "", "paragraphs": questions}]}
    (folder / "cmrc" / "dev.json").write_text(json.dumps(data), encoding="utf-8")
    return folder, models


@pytest.fixture(scope="module")
def done(made):
    """name -> [exit code, stdout, stderr]."""
    folder, models = made
    runs = {name: {} for name in models}
    runs["answers"] = {"max_answer_length": 8}  # as long as the longest passage
    runs["other labels"] = {"labels": "PER,ORG"}
    commands = []
    for name, changes in runs.items():
        start = name if name in models else "tags Bert"
        is_ner = start != "answers"
        flags = {
            "task_name": "ner" if is_ner else "cmrc2018",
            "data_dir": folder / ("ner" if is_ner else "cmrc"),
            "init_checkpoint": folder / start,
            "bert_config_file": folder / start / "config.json",
            "vocab_file": folder / "vocab.txt",
            "output_dir": folder / ("out " + name),
            "max_seq_length": 20,
            "do_eval": True,
        }
        flags.update(changes)
        commands.append(["--{}={}".format(*flag) for flag in flags.items()])
    return dict(zip(runs, run_many("run_finetuning", commands)))


def scores_of(model, ids, types=None):
    with torch.no_grad():
        inputs = {"input_ids": torch.tensor([ids])}
        if types:
            inputs["token_type_ids"] = torch.tensor([types])
        return model(**inputs)


def ids_of(text):
    return [5 + CHARACTERS.index(c) for c in text]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_taggers(made, done, kind):
    """Their own labels are read from config.json, and no pooler is asked for."""
    folder, models = made
    out = out_of(done, "tags " + kind)
    assert "task: ner, labels I-LOC, O, B-PER, B-LOC, I-PER (of the trained model)" in out
    examples = (folder / ("out tags " + kind) / "dev_predictions.txt").read_text(encoding="utf-8")
    tags = [[line.split("\t")[1] for line in s.splitlines()] for s in examples.split("\n\n")]
    for sentence, ours in zip(SENTENCES, tags):
        logits = scores_of(models["tags " + kind], [2, *ids_of(sentence), 3]).logits[0]
        assert ours == [LABELS[i] for i in logits.argmax(-1).tolist()[1:-1]]


def test_answers(made, done):
    folder, models = made
    out_of(done, "answers")
    examples = json.loads((folder / "out answers" / "cmrc2018_dev_preds.json").read_text("utf-8"))
    for number, passage in enumerate(SENTENCES):
        head = [2, *ids_of("你我"), 3]
        types = [0] * len(head) + [1] * (len(passage) + 1)
        output = scores_of(models["answers"], [*head, *ids_of(passage), 3], types)
        inner = slice(len(head), len(head) + len(passage))
        sums = output.start_logits[0, inner, None] + output.end_logits[0, None, inner]
        sums = np.triu(sums.numpy() + 1e3)  # an end before its start is none
        start, end = np.unravel_index(sums.argmax(), sums.shape)
        assert examples[str(number)] == passage[start : end + 1]


def test_other_labels(done):
    assert "the labels are O, B-PER, I-PER, B-ORG" in error_of(done, "other labels")
