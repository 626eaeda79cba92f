"""PERT to Hugging Face and back: its encoder as BertModel, its head in a file beside."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from checkpoint_files import save
from conversion_runs import converted, load, variables_of
from record_files import SEQ, TINY_CONFIG, permuted_records, write_json

from modeling import checkpoint
from modeling.config import BertConfig
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore

pytestmark = pytest.mark.tf2_15

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")

tf.disable_v2_behavior()

CONFIG = dict(TINY_CONFIG, num_hidden_layers=2, hidden_act="gelu")
HEAD = "cls.position_predictions."


def features():
    """A batch, without padding: PyTorch knows no places of padding here."""
    rows = permuted_records(5)
    found = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    found["input_mask"][:] = 1
    return {
        n: v.astype(np.float32 if n.endswith("weights") else np.int32) for n, v in found.items()
    }


def our_logits(prefix):
    """The objective's scores of a checkpoint, [rows, P, seq]."""
    with tf.Graph().as_default(), tf.Session() as session:
        store, batch, objective = ParameterStore(), features(), get_objective("pert")
        fed = {name: tf.constant(batch[name]) for name in objective.feature_names}
        output = objective.build(BertConfig(CONFIG), store, PlainKernels(), fed, is_training=False)
        plan = checkpoint.plan_loading(prefix, store.shapes(), "config")
        assert not plan.new
        checkpoint.initialize(prefix, plan.loaded)
        session.run(tf.global_variables_initializer())
        return session.run(output.tensors["position_logits"]).reshape(5, -1, SEQ)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint, converted there (hf, encoder) and back (tf)."""
    path = tmp_path_factory.mktemp("pert")
    with tf.Graph().as_default():
        store, batch, objective = ParameterStore(), features(), get_objective("pert")
        fed = {name: tf.constant(batch[name]) for name in objective.feature_names}
        objective.build(BertConfig(CONFIG), store, PlainKernels(), fed, is_training=False)
        shapes = dict(store.shapes())
    save(path / "model.ckpt", shapes)
    write_json(path / "bert_config.json", CONFIG)
    given = {"tf_checkpoint_path": path / "model.ckpt", "config_file": path / "bert_config.json"}
    out = converted(pytorch_dump_path=path / "hf", **given)
    assert "beside the model, in pert_head.safetensors: PERT's position head" in out
    assert "skipped" not in out
    out = converted(pytorch_dump_path=path / "encoder", head="none", **given)
    assert "skipped: cls/position_predictions/" in out and "beside the model" not in out
    converted(from_pytorch=path / "hf", tf_dump_path=path / "tf" / "bert_model.ckpt")
    return path


def test_there_and_back_is_exact(folder):
    before = variables_of(folder / "model.ckpt")
    after = variables_of(folder / "tf" / "bert_model.ckpt")
    assert set(after) == set(before) and sum("position_pred" in name for name in before) == 5
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)
    assert "pert_head.safetensors" not in os.listdir(str(folder / "encoder"))


def test_pytorch_computes_the_same_scores_with_the_file_beside(folder):
    """As its documentation says: transform of the slots' vectors, times all of the row's."""
    model, unexpected = load("AutoModel", folder / "hf")
    assert type(model).__name__ == "BertModel" and not unexpected
    head = safetensors.load_file(str(folder / "hf" / "pert_head.safetensors"))
    assert sorted(head) == [
        HEAD + "bias",
        HEAD + "transform.LayerNorm.bias",
        HEAD + "transform.LayerNorm.weight",
        HEAD + "transform.dense.bias",
        HEAD + "transform.dense.weight",
    ]
    batch = features()
    with torch.no_grad():
        hidden = model(
            input_ids=torch.tensor(batch["input_ids"]).long(),
            attention_mask=torch.tensor(batch["input_mask"]).long(),
            token_type_ids=torch.tensor(batch["segment_ids"]).long(),
        ).last_hidden_state
        rows = torch.arange(len(hidden))[:, None]
        picked = hidden[rows, torch.tensor(batch["permuted_positions"]).long()]
        part = HEAD + "transform."
        picked = picked @ head[part + "dense.weight"].T + head[part + "dense.bias"]
        picked = torch.nn.functional.layer_norm(
            torch.nn.functional.gelu(picked),
            picked.shape[-1:],
            head[part + "LayerNorm.weight"],
            head[part + "LayerNorm.bias"],
            1e-12,
        )
        theirs = picked @ hidden.transpose(1, 2) + head[HEAD + "bias"][: hidden.shape[1]]
    np.testing.assert_allclose(
        theirs.numpy(), our_logits(str(folder / "model.ckpt")), rtol=0, atol=1e-5
    )
