"""Model configs: defaults, activations, and what is refused."""

import pytest
import tensorflow.compat.v1 as tf
from record_files import write_json

from common.errors import UserError
from modeling.config import BertConfig

pytestmark = pytest.mark.tf1


def test_defaults_and_unknown_keys():
    config = BertConfig({"vocab_size": 100, "pooler_type": "first_token_transform"})
    assert config.to_dict() == {
        "vocab_size": 100,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": 512,
        "type_vocab_size": 16,
        "initializer_range": 0.02,
    }
    assert config.head_size == 64 and config.embedding_size == 768


@pytest.mark.parametrize(
    "hidden_act,gelu,activation",
    [
        ("gelu", "auto", "gelu_erf"),
        ("gelu", "tanh", "gelu_tanh"),
        ("gelu_new", "auto", "gelu_tanh"),
        ("gelu_tanh", "erf", "gelu_erf"),
        ("gelu_erf", "auto", "gelu_erf"),
        ("relu", "tanh", "relu"),
        ("tanh", "auto", "tanh"),
        ("linear", "auto", "linear"),
    ],
)
def test_activation(hidden_act, gelu, activation):
    config = BertConfig({"vocab_size": 9, "hidden_act": hidden_act}, gelu=gelu)
    assert config.activation == activation
    assert activation in config.describe_activation()


@pytest.mark.parametrize(
    "change,message",
    [
        ({"vocab_size": "9"}, "f.json: vocab_size must be a whole number, not '9'"),
        ({"hidden_size": 10.5}, "f.json: hidden_size must be a whole number, not 10.5"),
        ({"hidden_size": True}, "f.json: hidden_size must be a whole number, not True"),
        ({"hidden_act": 3}, "f.json: hidden_act must be a name, not 3"),
        ({"initializer_range": "x"}, "f.json: initializer_range must be a number, not 'x'"),
        (
            {"initializer_range": 0},
            "f.json: initializer_range is 0.0, but must be positive and not above 100",
        ),
        ({"num_hidden_layers": 0}, "f.json: num_hidden_layers is 0, but must be positive"),
        # A graph of so many layers would never be built.
        (
            {"num_hidden_layers": 2**63},
            "f.json: num_hidden_layers is 9223372036854775808, but must not be above 256",
        ),
        (
            {"vocab_size": 10**30},
            "f.json: vocab_size is {}, but must not be above 16777216".format(10**30),
        ),
        (
            {"initializer_range": 1e300},
            "f.json: initializer_range is 1e+300, but must be positive and not above 100",
        ),
        (
            {"hidden_size": 10},
            "f.json: hidden_size 10 is not a multiple of num_attention_heads 12",
        ),
        (
            {"hidden_dropout_prob": 1},
            "f.json: hidden_dropout_prob is 1.0, but must lie in [0, 1)",
        ),
        (
            {"hidden_act": "swish"},
            "f.json: unknown hidden_act 'swish'; known are gelu, gelu_accurate, gelu_erf, "
            "gelu_fast, gelu_new, gelu_python, gelu_pytorch_tanh, gelu_tanh, linear, relu, tanh",
        ),
    ],
)
def test_wrong_values(change, message):
    with pytest.raises(UserError) as caught:
        BertConfig(dict({"vocab_size": 9}, **change), source="f.json")
    assert str(caught.value) == message


def test_missing_vocab_size():
    with pytest.raises(UserError, match=r"f\.json: vocab_size is missing"):
        BertConfig({}, source="f.json")


def test_wrong_override():
    with pytest.raises(UserError, match="--gelu=fast is not known"):
        BertConfig({"vocab_size": 9}, gelu="fast")


@pytest.mark.parametrize("place", ["local", "remote"])
def test_a_file_that_is_no_config_is_not_read_whole(tmp_path, place):
    if place == "remote" and tf.__version__.startswith("1."):
        pytest.skip("TensorFlow 1.15 has no ram://")
    path = str(tmp_path / "big.json") if place == "local" else "ram://big-config.json"
    with tf.io.gfile.GFile(path, "w") as writer:
        writer.write(" " * (5 << 20))
    with pytest.raises(UserError, match=r"model config .*big.* is larger than 4,194,304 bytes"):
        BertConfig.from_json_file(path)


def test_files(tmp_path):
    good = write_json(tmp_path / "good.json", {"vocab_size": 7})
    assert BertConfig.from_json_file(good).vocab_size == 7
    broken = tmp_path / "broken.json"
    broken.write_text('{\n "vocab_size": 7,\n "a" 1}')
    with pytest.raises(UserError, match=r"broken\.json, line 3: not valid JSON"):
        BertConfig.from_json_file(str(broken))
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\x00")
    with pytest.raises(UserError, match=r"binary\.json is not UTF-8 text"):
        BertConfig.from_json_file(str(binary))
    binary.write_bytes('{"vocab_size": 7}'.encode("utf-16"))
    with pytest.raises(UserError, match=r"binary\.json is text in UTF-16, not JSON; convert it"):
        BertConfig.from_json_file(str(binary))
    listed = write_json(tmp_path / "list.json", [7])
    with pytest.raises(UserError, match=r"list\.json must hold one JSON object, not a list"):
        BertConfig.from_json_file(listed)
    for missing in (tmp_path / "none.json", tmp_path):
        with pytest.raises(UserError, match="does not exist or is no file"):
            BertConfig.from_json_file(str(missing))
