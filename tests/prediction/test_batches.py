"""Texts in rows: several in a row give what each gives alone."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from kernel_kinds import needs_compiler
from task_models import CONFIGS, SIZES

from data.tokenizers.wordpiece import Vocabulary, WordPieceTokenizer
from modeling.config import BertConfig
from modeling.conversion.huggingface import write_checkpoint
from modeling.kernels import PlainKernels
from modeling.parameters import ParameterStore
from prediction import batches
from prediction.batches import PackedRows, PaddedRows
from prediction.prediction_task import TaskSetup
from prediction.predictor import PLAIN, Predictor
from prediction.registry import get_prediction_task
from prediction.tags import TagNetwork
from training.devices.numerics import Numerics

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

FUSED = Numerics("fused", "fp32")
SHARES = {"t": batches.OF_TEXT, "n": batches.OF_TOKENS, "p": batches.OF_POSITIONS}
NAMES = ("input_ids", "input_mask", "segment_ids", "positions")
# As task.json has it.
SAVED = {
    "task": "t",
    "labels": ["a", "b", "c"],
    "is_one_of_several": False,
    "row_options": {},
    "head_options": {},
}


def make_texts(count=21, longest=20, seed=3):
    """Texts of 3 to `longest` pieces, some of two segments, with one position or more."""
    rng = np.random.RandomState(seed)
    lengths = rng.randint(3, longest + 1, size=count)
    return [
        {
            "input_ids": rng.randint(5, SIZES["vocab_size"], length).tolist(),
            "segment_ids": [0] * 2 + [i % 2] * (length - 2),
            "positions": sorted(rng.permutation(length)[: 1 + i % 3].tolist()),
        }
        for i, length in enumerate(lengths)
    ]


@pytest.fixture
def narrow(monkeypatch):
    """Rows of 24 tokens hold several of the short texts."""
    monkeypatch.setattr(batches, "PACKED_WIDTH", 24)


def test_every_text_gets_its_own_share(narrow):
    texts = [*make_texts(), *make_texts(5, 60, seed=4)]
    results = {}
    for batch in PackedRows(NAMES, 4, 64, SHARES).batches(texts):
        arrays = batch.arrays
        starts = arrays["text_starts"]
        outputs = {
            "t": arrays["input_ids"][np.nonzero(starts >= 0)[0], starts[starts >= 0]],
            "n": arrays["input_ids"],
            "p": np.take_along_axis(arrays["input_ids"], arrays["positions"], axis=1),
        }
        results.update(batch.divided(outputs))
        for text in batch.texts:
            row = {name: values[text.row, text.tokens] for name, values in arrays.items()}
            given = texts[text.number]
            assert row["segment_ids"].tolist() == given["segment_ids"]
            assert row["position_ids"].tolist() == list(range(len(given["input_ids"])))
            assert set(row["row_segment_ids"]) == {text.slot + 1}
        np.testing.assert_array_equal(arrays["input_mask"], arrays["row_segment_ids"] > 0)
    assert sorted(results) == list(range(len(texts)))
    for number, text in enumerate(texts):
        ids = text["input_ids"]
        assert results[number]["t"] == ids[0]
        assert results[number]["n"].tolist() == ids
        assert results[number]["p"].tolist() == [ids[i] for i in text["positions"]]


def test_short_texts_have_rows_of_one_shape_and_next_to_no_padding(narrow):
    texts = make_texts(200)
    made = list(PackedRows(NAMES, 8, 64, SHARES).batches(texts))
    shapes = [batch.arrays["input_ids"].shape for batch in made]
    assert set(shapes[:-1]) == {(8, 24)} and shapes[-1] in ((1, 24), (2, 24), (4, 24), (8, 24))
    masks = np.concatenate([batch.arrays["input_mask"] for batch in made])
    assert masks.sum() == sum(len(text["input_ids"]) for text in texts)
    assert masks.mean() > 0.9
    # What is compiled by the number of texts, and of predictions.
    assert len({np.count_nonzero(b.arrays["text_starts"] >= 0) for b in made[:-1]}) <= 2
    assert {b.arrays["positions"].shape[1] for b in made} == {16}


@pytest.mark.parametrize(("count", "expected"), [(1, [1]), (5, [4, 1]), (7, [4, 4])])
def test_compiled_batches_have_few_sizes(count, expected):
    texts = make_texts(count)
    for is_compiled, sizes in ((True, expected), (False, [4, count - 4][: len(expected)])):
        made = PaddedRows(NAMES, 4, is_compiled, 20).batches(texts)
        shapes = [batch.arrays["input_ids"].shape for batch in made]
        assert [rows for rows, _ in shapes] == (sizes if count > 1 else [1])
        assert not is_compiled or all(width in (16, 20) for _, width in shapes)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    words = [chr(0x4E00 + i) for i in range(SIZES["vocab_size"] - 5)]
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]), "utf-8")
    return WordPieceTokenizer(Vocabulary(str(path)))


def make_network(name, config, tokenizer):
    """The network of a prediction task by a name of NETWORKS."""
    if name == "tags":
        return TagNetwork()
    name, _, setting = name.partition(" ")
    options = {
        "fill_mask": {"top_k": 60},
        "features": {"layers": ["0", "-1"], "pooling": setting},
    }.get(name, {})
    kinds = {"ner": "tagging", "classify": setting}
    saved = dict(SAVED, kind=kinds.get(name))
    if name == "ner":
        saved["labels"] = ["O", "B-x", "I-x"]
    return get_prediction_task(name)(TaskSetup(config, tokenizer, 20, saved), **options)


NETWORKS = [
    ("classify classification", "bert"),
    ("classify classification", "electra"),
    ("classify multi_label", "albert"),
    ("features none", "albert_zh"),
    ("features cls", "bert"),
    ("features mean", "electra"),
    ("fill_mask", "albert"),
    ("ner", "bert"),
    ("replaced", "electra"),
    ("tags", "bert"),
]


@pytest.mark.parametrize(("name", "encoder"), NETWORKS)
def test_packed_rows_give_what_each_text_gives_alone(name, encoder, tokenizer, narrow):
    config, texts = CONFIGS[encoder], make_texts()
    network = make_network(name, config, tokenizer)
    results = []
    with tf.Graph().as_default(), tf.Session() as session:
        store = ParameterStore(seed=1)
        for rows in (
            PaddedRows(network.feature_names, 4, False, 20),
            PackedRows(network.feature_names, 4, 20, network.shares),
        ):
            inputs = {n: tf.placeholder(tf.int32, [None, None]) for n in rows.feature_names}
            built = network.build(config, store.again(), PlainKernels(), inputs)
            store = store if store.shapes() else store.again()
            if not results:
                session.run(tf.global_variables_initializer())
            outputs = [None] * len(texts)
            made = list(rows.batches(texts))
            for batch in made:
                feed = {inputs[n]: values for n, values in batch.arrays.items()}
                for number, output in batch.divided(session.run(built, feed)):
                    outputs[number] = output
            results.append(outputs)
        assert any(len(batch.texts) > len(batch.arrays["input_ids"]) for batch in made)
    for text, alone, packed in zip(texts, *results):
        assert set(alone) == set(packed)
        for output, values in packed.items():
            feature, axis = network.shares[output]
            expected = alone[output]
            if feature:  # the rest is padding
                expected = expected.take(range(len(text[feature])), axis)
            np.testing.assert_allclose(values, expected, rtol=0, atol=5e-6)


class Encoder:
    """A network that a checkpoint of the encoder is enough for; counts its shapes."""

    feature_names = ("input_ids", "input_mask", "segment_ids")
    head = optional = None

    def __init__(self, tokenizer):
        self._task = make_network("features none", BertConfig(SIZES), tokenizer)
        self.shares, self.optional = self._task.shares, self._task.optional
        self.inputs = None

    def build(self, config, store, kernels, features):
        self.inputs = features
        return self._task.build(config, store, kernels, features)


@needs_compiler
def test_fused_kernels_compute_packed_rows(tmp_path, tokenizer, narrow):
    config, network = BertConfig(SIZES), Encoder(tokenizer)
    with tf.Graph().as_default():
        store = ParameterStore()
        rows = {n: tf.zeros([1, 4], tf.int32) for n in network.feature_names}
        network.build(config, store, PlainKernels(), rows)
    rng = np.random.RandomState(1)
    weights = {n: rng.normal(0, 0.3, s).astype(np.float32) for n, s in store.shapes().items()}
    write_checkpoint(str(tmp_path / "model.ckpt"), weights)
    texts, results = make_texts(), []
    for numerics, is_packed in ((PLAIN, False), (FUSED, True)):
        with Predictor(config, network, str(tmp_path / "model.ckpt"), 4, numerics) as predictor:
            assert ("text_starts" in network.inputs) == is_packed
            results.append(predictor.run(texts))
            assert predictor.run([]) == []
    for text, plain, fused in zip(texts, *results):
        length = len(text["input_ids"])
        assert fused["layers"].shape == (2, length, SIZES["hidden_size"])
        np.testing.assert_allclose(fused["layers"], plain["layers"][:, :length], atol=1e-5)
        np.testing.assert_allclose(fused["pooled"], plain["pooled"], atol=1e-5)


def test_questions_and_choices_stay_a_text_a_row():
    assert get_prediction_task("answer").shares is None
    assert get_prediction_task("choose").shares is None
