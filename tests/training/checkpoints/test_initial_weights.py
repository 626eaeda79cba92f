"""What a user reads who starts a training from the checkpoint of another one, and which starts are
refused."""

import functools

import pytest
import tensorflow.compat.v1 as tf
from checkpoint_files import save
from electra_models import TINY as TINY_ELECTRA
from record_files import PREDICTIONS, SEQ, TINY_CONFIG

from common.errors import UserError
from modeling import checkpoint
from modeling.config import BertConfig
from modeling.config_families import AlbertConfig, ElectraConfig
from modeling.objectives import get_objective
from modeling.objectives.classification import Classification
from modeling.objectives.questions import Questions
from modeling.objectives.tagging import Tagging
from modeling.task_heads import ElectraHeads, GoogleHeads
from training.checkpoints.initial_weights import InitialWeights, check_whole
from training.model_fn import model_parameters

tf.disable_v2_behavior()
pytestmark = pytest.mark.tf1

BERT = BertConfig(TINY_CONFIG, source="bert_config.json")
ALBERT = AlbertConfig(
    dict(TINY_CONFIG, embedding_size=16, num_hidden_groups=1), source="albert_config.json"
)
ELECTRA = ElectraConfig(dict(TINY_ELECTRA, max_position_embeddings=SEQ), source="electra.json")


def objective(name):
    if name == "classes":
        return Classification("tnews", 3)
    if name == "electra classes":
        return Classification("tnews", 3, ElectraHeads("tnews"))
    if name == "answers":
        return Questions("cmrc2018", GoogleHeads())
    if name == "tags":
        return Tagging("cluener", 5, GoogleHeads())
    return get_objective(name).for_run(100)


@functools.lru_cache(maxsize=None)
def shapes_of(name):
    """Names and shapes of the variables of an objective's model."""
    config = ELECTRA if name.startswith("electra") else ALBERT if name == "albert" else BERT
    store = model_parameters(config, objective(name), SEQ, PREDICTIONS)
    return {name: list(shape) for name, shape in store.shapes().items()}


# Checkpoint -> the objective that it was trained with, and beginnings of the names that it lacks.
CHECKPOINTS = {
    "bert": ("bert", ()),
    "masked words alone": ("bert", ("bert/pooler/", "cls/seq_relationship/")),
    "lert": ("lert", ("cls/seq_relationship/",)),
    "encoder": ("bert", ("cls/",)),
    "fine-tuned": ("classes", ()),
    "albert": ("albert", ()),
    "electra": ("electra", ()),
    "discriminator": ("electra", ("generator",)),
    "generator": ("electra", ("discriminator", "electra/embeddings_project", "electra/encoder")),
}
MLM_LOST = "the masked-LM head is not in "
POOLER_LOST = "the pooler is not in "
# (checkpoint, objective) -> beginnings of the warnings; or of the refusal, a str.
STARTS = {
    ("bert", "bert"): [],
    ("bert", "roberta"): [],
    ("bert", "lert"): [],
    ("bert", "classes"): [],
    ("bert", "answers"): [],
    ("bert", "tags"): [],
    ("bert", "albert"): "shapes differ: bert/embeddings/word_embeddings is [40, 32] in ",
    ("bert", "electra"): "checkpoint bert holds no variable of this model (electra/",
    ("lert", "bert"): [],
    ("lert", "lert"): [],
    ("lert", "roberta"): [],
    ("lert", "classes"): [],
    ("masked words alone", "bert"): [POOLER_LOST],
    ("masked words alone", "roberta"): [],
    ("masked words alone", "lert"): [],
    ("masked words alone", "classes"): [POOLER_LOST],
    ("masked words alone", "answers"): [],
    ("masked words alone", "tags"): [],
    ("encoder", "bert"): [MLM_LOST],
    ("encoder", "lert"): [MLM_LOST],
    ("encoder", "classes"): [],
    ("fine-tuned", "bert"): [MLM_LOST],
    ("fine-tuned", "lert"): [MLM_LOST],
    ("albert", "albert"): [],
    ("albert", "bert"): "",
    ("electra", "electra"): [],
    ("electra", "electra classes"): [],
    ("discriminator", "electra"): ["the generator is not in "],
    ("discriminator", "electra classes"): [],
    ("generator", "electra"): "generator is not whole: it lacks electra/embeddings_project/",
    ("electra", "classes"): "checkpoint electra holds no variable of this model (bert/",
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Function checkpoint -> its prefix; written at its first use."""
    folder, prefixes = tmp_path_factory.mktemp("starts"), {}

    def get(name):
        if name not in prefixes:
            trained, lacks = CHECKPOINTS[name]
            shapes = shapes_of(trained).items()
            kept = {n: shape for n, shape in shapes if not n.startswith(tuple(lacks))}
            prefixes[name] = save(folder / (name + ".ckpt"), kept)
        return prefixes[name]

    return get


def start(prefix, shown, to, allow_partial_init=False):
    """(is_warning, line) of the log of a training with the objective `to`."""
    config = ELECTRA if to.startswith("electra") else ALBERT if to == "albert" else BERT
    plan = checkpoint.plan_loading(prefix, shapes_of(to), config.source, shown=shown)
    check_whole(plan, allow_partial_init)
    return plan.lines(objective(to).optional)


@pytest.mark.parametrize(("begin", "to"), list(STARTS), ids=[" to ".join(s) for s in STARTS])
def test_starts(begin, to, saved):
    expected = STARTS[begin, to]
    if isinstance(expected, str):
        with pytest.raises(UserError) as caught:
            start(saved(begin), begin, to)
        assert expected in str(caught.value)
        return
    warnings = [line for warns, line in start(saved(begin), begin, to) if warns]
    assert len(warnings) == len(expected), warnings
    assert all(map(str.startswith, warnings, expected)), warnings


def test_tag_heads_are_new_and_nothing_is_lost(saved):
    lines = [line for _, line in start(saved("bert"), "bert", "lert")]
    (heads,) = [line for line in lines if "cls/predictions/output_pos_layer/kernel" in line]
    assert heads.startswith("the head for tags is not in bert: ")
    assert "it is new" in heads and "fine-tuned" not in "".join(lines)


def with_a_gap(folder, shapes, lacking):
    return save(folder / "gap.ckpt", {n: s for n, s in shapes.items() if not lacking(n)})


@pytest.mark.parametrize(
    "lacking",
    [
        "bert/embeddings/LayerNorm/beta",
        "bert/embeddings/position_embeddings",
        "bert/encoder/layer_0/output/dense/kernel",
        "bert/pooler/dense/bias",
        "cls/predictions/transform/LayerNorm/gamma",
        "cls/predictions/output_bias",
        "cls/seq_relationship/output_bias",
    ],
)
def test_a_gap_is_refused_unless_it_is_allowed(tmp_path, lacking):
    prefix = with_a_gap(tmp_path, shapes_of("bert"), lambda name: name == lacking)
    with pytest.raises(UserError) as caught:
        start(prefix, "x", "bert")
    assert str(caught.value).startswith(
        "x is not whole: it lacks {}, by config bert_config.json; take another copy".format(lacking)
    )
    assert "--allow_partial_init" in str(caught.value)
    (warning,) = [line for warns, line in start(prefix, "x", "bert", True) if warns]
    assert warning.startswith("x is not whole") and lacking in warning


def test_a_layer_of_electra_is_missing(tmp_path):
    def lacking(name):
        return name.startswith("generator/encoder/layer_1/")

    prefix = with_a_gap(tmp_path, shapes_of("electra"), lacking)
    with pytest.raises(UserError, match=r"is not whole: it lacks generator/encoder/layer_1/"):
        start(prefix, "x", "electra")


def test_smaller_models_are_no_gap(tmp_path):
    shapes = shapes_of("bert")
    more = {n.replace("layer_0", "layer_1"): s for n, s in shapes.items() if "layer_0" in n}
    prefix = save(tmp_path / "large.ckpt", dict(shapes, **more))
    assert not [line for warns, line in start(prefix, "x", "bert") if warns]
    chosen = InitialWeights(prefix).plan(shapes, "c.json", init_layers=[1])
    assert not chosen.gaps()
