"""The original program's checkpoint as a Hugging Face model: same numbers, and back unchanged."""

import golden_cases
import huggingface_models as models
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden

from modeling import checkpoint
from modeling.conversion import huggingface
from modeling.conversion.name_tables import BERT

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

tf.disable_v2_behavior()
pytestmark = [needs_golden, pytest.mark.tf2_15]


def golden_variables():
    reader = tf.train.NewCheckpointReader(checkpoint.resolve(golden_cases.path("bert")))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def as_model(variables):
    """BertForPreTraining with these weights, all of them from the name table."""
    config = golden_cases.settings("bert", "bert_config.json")
    sizes = {name: config[name] for name in models.SIZES}
    model = models.make_model(**dict(sizes, hidden_act="gelu_new"))
    converted = BERT.to_huggingface(variables)
    assert not converted.unknown
    state = {name: torch.from_numpy(value.copy()) for name, value in converted.tensors.items()}
    state["cls.predictions.decoder.weight"] = state["bert.embeddings.word_embeddings.weight"]
    state["cls.predictions.decoder.bias"] = state["cls.predictions.bias"]
    model.load_state_dict(state, strict=True)
    return model


def test_same_outputs():
    model = as_model(golden_variables())
    models.assert_golden_outputs(model)


@pytest.mark.parametrize("safe", [True, False])
def test_back_to_equal_bytes(safe, tmp_path):
    pytest.importorskip("safetensors")
    variables = golden_variables()
    as_model(variables).save_pretrained(str(tmp_path / "hf"), safe_serialization=safe)
    prefix = str(tmp_path / "bert_model.ckpt")
    report = huggingface.import_checkpoint(str(tmp_path / "hf"), prefix)
    assert report.unknown == [] and set(report.written) == set(variables)
    reader = tf.train.NewCheckpointReader(prefix)
    for name, value in variables.items():
        back = reader.get_tensor(name)
        assert back.shape == value.shape and back.tobytes() == value.tobytes(), name
    original = checkpoint.resolve(golden_cases.path("bert"))
    assert checkpoint.read_shapes(prefix) == checkpoint.read_shapes(original)
