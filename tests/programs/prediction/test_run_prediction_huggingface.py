"""run_prediction.py against Hugging Face's own outputs for the same directory."""

import json

import numpy as np
import pytest
from huggingface_models import make_model
from prediction_runs import (
    CONFIG,
    LABELS,
    TOKENS,
    WORDS,
    flags_of,
    random_weights,
    results_of,
    run_many,
    write_text,
)
from task_files import save_labels

from modeling.conversion.huggingface import write_checkpoint
from modeling.conversion.name_tables import BERT
from modeling.objectives.classification import Classification

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SINGLE = ["今天天气[MASK]。", "play[MASK] [MASK]天", "[MASK]"]
WORD = "今天[MASK][MASK]。[MASK]"
LONG_WORD = "play[MASK][MASK][MASK]"
TEXTS = ["今天天气好。", "playing dog", "天"]
PAIRS = ["今天天气好", "今天\tplaying 好"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("hf")
    write_text(path / "vocab.txt", "\n".join(TOKENS) + "\n")
    write_text(path / "config.json", json.dumps(CONFIG))
    sizes = {k: v for k, v in CONFIG.items() if k != "initializer_range"}
    for name in ("BertForPreTraining", "BertForMaskedLM", "BertModel"):
        make_model(name, **sizes).save_pretrained(str(path / name))
    weights = random_weights(Classification("tiny", len(LABELS)))
    write_checkpoint(str(path / "tuned" / "model.ckpt"), weights)
    save_labels(path / "tuned", "tiny", LABELS, 32)
    np.savez(str(path / "tuned.npz"), **weights)
    return path


@pytest.fixture(scope="module")
def done(folder):
    """name -> [exit code, stdout, stderr] of all runs, in one process."""
    whole, masked = str(folder / "BertForPreTraining"), str(folder / "BertForMaskedLM")
    runs = {
        "single": ("fill_mask", SINGLE, {"init_checkpoint": whole, "top_k": len(WORDS)}),
        "masked": ("fill_mask", SINGLE, {"init_checkpoint": masked, "top_k": len(WORDS)}),
        "word": ("fill_mask", [WORD], {"init_checkpoint": whole}),
        "long": ("fill_mask", [LONG_WORD, WORD], {"init_checkpoint": whole, "top_k": 64}),
        "features": ("features", TEXTS, {"init_checkpoint": whole, "layers": "0,1,-1"}),
        "bare": ("fill_mask", SINGLE, {"init_checkpoint": str(folder / "BertModel")}),
        "unknown": ("classify", TEXTS, {"init_checkpoint": whole}),
        "pairs": ("classify", PAIRS, {"init_checkpoint": str(folder / "tuned")}),
    }
    lines = [
        (flags_of(folder, task, **changes), "\n".join(t)) for task, t, changes in runs.values()
    ]
    return dict(zip(runs, run_many(lines)))


@pytest.fixture(scope="module")
def tokenizer(folder):
    return transformers.BertTokenizer(str(folder / "vocab.txt"))


def load(folder, name):
    path = str(folder / name)
    return getattr(transformers, name).from_pretrained(path, attn_implementation="eager").eval()


def shares_of(model, ids):
    """Softmax of the masked-LM scores: [rows, seq, vocab] for token ids [rows][seq]."""
    with torch.no_grad():
        output = model(input_ids=torch.tensor(ids))
    logits = getattr(output, "prediction_logits", getattr(output, "logits", None))
    return torch.softmax(logits.double(), -1).numpy()


@pytest.mark.parametrize(
    ("run", "name"), [("single", "BertForPreTraining"), ("masked", "BertForMaskedLM")]
)
def test_fill_mask(folder, done, tokenizer, run, name):
    model = load(folder, name)
    words = tokenizer.convert_tokens_to_ids(WORDS)
    for text, result in zip(SINGLE, results_of(done[run])):
        ids = tokenizer(text)["input_ids"]
        places = [i for i, token in enumerate(ids) if token == tokenizer.mask_token_id]
        shares = shares_of(model, [ids])[0]
        assert len(places) == len(result["masks"]) > 0
        for place, mask in zip(places, result["masks"]):
            order = sorted(words, key=lambda i: -shares[place, i])
            assert [t["token"] for t in mask["top"]] == tokenizer.convert_ids_to_tokens(order)
            ours = [t["probability"] for t in mask["top"]]
            np.testing.assert_allclose(ours, shares[place, order], rtol=0, atol=1e-5)
            assert sum(ours) < 1.0  # shares of the whole vocabulary


def best_words(model, tokenizer, text, length):
    """All words for the first `length` masks of a text: [(ids, probability)], best first."""
    words = tokenizer.convert_tokens_to_ids(WORDS)
    ids = tokenizer(text)["input_ids"]
    first = ids.index(tokenizer.mask_token_id)
    probabilities = {(): 1.0}
    for step in range(length):
        beginnings = list(probabilities)
        rows = [ids[:first] + list(b) + ids[first + step :] for b in beginnings]
        shares = shares_of(model, rows)[:, first + step]
        probabilities = {
            beginning + (word,): probabilities[beginning] * share[word]
            for beginning, share in zip(beginnings, shares)
            for word in words
        }
    return sorted(probabilities.items(), key=lambda item: -item[1])


def spelled(tokenizer, ids):
    """Pieces as one word; Latin words stand apart, as the tokenizer would have to read them."""
    text = ""
    for token in tokenizer.convert_ids_to_tokens(ids):
        if token.startswith("##") and text:
            text += token[2:]
        elif text[-1:].isascii() and text and token[0].isascii() and not token.startswith("##"):
            text += " " + token
        else:
            text += token
    return text


@pytest.mark.parametrize(
    ("run", "line", "text", "length"),
    [("word", 0, WORD, 2), ("long", 0, LONG_WORD, 3), ("long", 1, WORD, 2)],
)
def test_words_are_those_of_an_exhaustive_search(folder, done, tokenizer, run, line, text, length):
    result = results_of(done[run])[line]
    (word,) = result["words"]
    assert (word["position"], word["length"]) == (text.index("["), length)
    expected = best_words(load(folder, "BertForPreTraining"), tokenizer, text, length)
    # The beam of 64 holds all pairs; of three pieces, it is as wide as all that is kept of two.
    expected = expected[: len(word["top"])]
    assert len(expected) == (5 if run == "word" else 64)
    ours = [t["probability"] for t in word["top"]]
    np.testing.assert_allclose(ours, [p for _, p in expected], rtol=1e-4)
    assert [t["word"] for t in word["top"]] == [spelled(tokenizer, ids) for ids, _ in expected]


def test_features(folder, done, tokenizer):
    model = load(folder, "BertForPreTraining")
    for text, result in zip(TEXTS, results_of(done["features"])):
        ids = tokenizer(text)["input_ids"]
        assert result["tokens"] == tokenizer.convert_ids_to_tokens(ids)
        with torch.no_grad():
            theirs = model.bert(input_ids=torch.tensor([ids]), output_hidden_states=True)
        for layer, index in zip(result["layers"], (0, 1, -1)):
            assert layer["index"] == index
            expected = theirs.hidden_states[index][0].numpy()
            np.testing.assert_allclose(layer["values"], expected, rtol=0, atol=1e-5)
        np.testing.assert_allclose(
            result["pooled"], theirs.pooler_output[0].numpy(), rtol=0, atol=1e-5
        )


def test_classify(folder, done, tokenizer):
    sizes = {k: v for k, v in CONFIG.items() if k != "initializer_range"}
    model = make_model("BertForSequenceClassification", num_labels=len(LABELS), **sizes)
    weights = dict(np.load(str(folder / "tuned.npz")))
    head = {"classifier.weight": "output_weights", "classifier.bias": "output_bias"}
    state = {name: weights[ours] for name, ours in head.items()}
    state.update(BERT.to_huggingface(weights).tensors)
    # The head's names may be in the table by now as well.
    state = {name: torch.tensor(state[name]) for name in model.state_dict()}
    model.load_state_dict(state)
    for text, result in zip(PAIRS, results_of(done["pairs"])):
        with torch.no_grad():
            logits = model(**tokenizer(*text.split("\t"), return_tensors="pt")).logits[0]
        expected = torch.softmax(logits, -1).numpy()
        assert result["label"] == LABELS[int(expected.argmax())]
        np.testing.assert_allclose(
            list(result["probabilities"].values()), expected, rtol=0, atol=1e-5
        )


def test_refusals(done):
    for name, expected in (
        ("bare", "BertModel has no masked-LM head (it lacks cls/predictions/"),
        ("unknown", "has no task.json beside it"),
    ):
        code, out, err = done[name]
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        assert (code, out, len(errors)) == (1, "", 1) and expected in errors[0], err
