"""ELECTRA's hyperparameters become flags and a model, as its own program reads them."""

import golden_cases
import pytest
from absl import flags as absl_flags
from golden_cases import needs_golden

from cli import pretraining_hparams
from cli.pretraining_hparams import KEYS, apply, model_config, read
from common.errors import UserError
from modeling.config_families import read_config


@needs_golden
@pytest.mark.parametrize("case", ["electra", "electra_pretrain_adam"])
def test_the_models_of_the_golden_cases(case):
    values, where = read(golden_cases.path(case, "hparams.json"))
    found = model_config(values, where)
    expected = read_config(golden_cases.path(case, "discriminator_config.json"))
    assert found.to_dict() == expected.to_dict() and found.activation == "gelu_erf"
    generator = read_config(golden_cases.path(case, "generator_config.json"))
    assert found.derived_generator().to_dict() == generator.to_dict()


@pytest.mark.parametrize(
    ("values", "hidden", "layers", "heads", "inner", "embedding"),
    [
        ({}, 256, 12, 4, 1024, 128),
        ({"model_size": "base"}, 768, 12, 12, 3072, 768),
        ({"model_size": "large"}, 1024, 24, 16, 4096, 1024),
        ({"model_size": "small", "embedding_size": 256}, 256, 12, 4, 1024, 256),
        ({"model_size": "small", "embedding_size": None}, 256, 12, 4, 1024, 256),
        ({"model_hparam_overrides": {"hidden_size": 32}}, 32, 12, 1, 128, 128),
        (
            {"model_size": "base", "model_hparam_overrides": {"num_hidden_layers": 3}},
            *(768, 3, 12, 3072, 768),
        ),
        (
            {"model_hparam_overrides": {"hidden_size": 64, "num_attention_heads": 8}},
            *(64, 12, 8, 256, 128),
        ),
    ],
)
def test_sizes(values, hidden, layers, heads, inner, embedding):
    config = model_config(values, "--hparams")
    assert (config.hidden_size, config.num_hidden_layers) == (hidden, layers)
    assert (config.num_attention_heads, config.intermediate_size) == (heads, inner)
    assert (config.embedding_size, config.type_vocab_size) == (embedding, 2)
    assert (config.vocab_size, config.max_position_embeddings) == (30522, 512)


def test_trailing_commas_are_read_and_texts_kept(tmp_path):
    text = """{
  "tpu_name": "a,}, \\"b,]",
  "model_hparam_overrides": {"hidden_size": 64,},
  "mask_prob": 0.2 , "do_lower_case": null,
}"""
    path = tmp_path / "hparams.json"
    path.write_text(text, encoding="utf-8")
    for given in (text, "\n " + text, str(path)):
        values, where = read(given)
        assert values == {
            "tpu_name": 'a,}, "b,]',
            "model_hparam_overrides": {"hidden_size": 64},
            "mask_prob": 0.2,
        }
        assert where == ("hparams " + given if given == str(path) else "--hparams")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"learning_rat": 1}', "unknown key 'learning_rat'; did you mean learning_rate?"),
        ('{"zzz": 1}', "unknown key 'zzz'; remove it"),
        ('{"num_train_steps": 1e5}', "num_train_steps must be a whole number, not 100000.0"),
        ('{"num_train_steps": true}', "num_train_steps must be a whole number, not True"),
        ('{"learning_rate": "x"}', "learning_rate must be a number, not 'x'"),
        ('{"do_train": 1}', "do_train must be true or false, not 1"),
        ('{"vocab_file": 3}', "vocab_file must be a text, not 3"),
        ('{"model_hparam_overrides": []}', "model_hparam_overrides must be an object, not"),
        ('{"debug": true}', "debug cannot be used here; give a small model_size"),
        ('{"tpu_job_name": "x"}', "tpu_job_name cannot be used here"),
        ('{"data_dir": "x"}', "data_dir cannot be used here; it is --data-dir"),
        ('{"model_name": "x"}', "model_name cannot be used here; it is --model-name"),
        ('{"mask_prob": 1,,}', "line 1: not valid JSON"),
        ('{"mask_prob": 0.1, "mask_prob": 0.2}', "mask_prob.* occurs twice"),
        ("no/such.json", "no/such.json is no file, and no JSON object either"),
    ],
)
def test_refused_hparams(text, words):
    with pytest.raises(UserError, match="hparams.*" + words):
        read(text)


def test_refused_files(tmp_path):
    path = tmp_path / "h.json"
    path.write_bytes(b'{"tpu_name": "\xff"}')
    with pytest.raises(UserError, match=r"h\.json is not UTF-8 text"):
        read(str(path))
    path.write_text("[1]", encoding="utf-8")
    with pytest.raises(UserError, match=r"h\.json must hold one JSON object"):
        read(str(path))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model_size": "tiny"}, "model_size 'tiny' is not known; known are base, large, small"),
        (
            {"model_hparam_overrides": {"hiden_size": 3}},
            "unknown key 'hiden_size' in model_hparam_overrides; did you mean hidden_size",
        ),
        ({"model_hparam_overrides": {"zz": 3}}, "in model_hparam_overrides; remove it"),
        (
            {"model_hparam_overrides": {"hidden_size": 100}},
            None,  # one head
        ),
        ({"model_hparam_overrides": {"hidden_size": 200}}, "hidden_size 200 is not a multiple"),
        ({"model_hparam_overrides": {"hidden_size": "x"}}, "hidden_size must be a whole number"),
        ({"vocab_size": 0}, "vocab_size is 0, but must be positive"),
    ],
)
def test_refused_models(values, words):
    if words is None:
        assert model_config(values, "--hparams").num_attention_heads == 1
        return
    with pytest.raises(UserError, match="--hparams: .*" + words):
        model_config(values, "--hparams")


def make_flags(*command_line):
    """Flags of all keys in an object of their own, parsed."""
    values = absl_flags.FlagValues()
    define = {
        bool: absl_flags.DEFINE_bool,
        int: absl_flags.DEFINE_integer,
        float: absl_flags.DEFINE_float,
        str: absl_flags.DEFINE_string,
    }
    for key in KEYS.values():
        if key.flag and key.flag != "num_tpu_cores":
            define[key.kind](key.flag, None, "", flag_values=values)
    absl_flags.DEFINE_integer("num_tpu_cores", 8, "", 1, flag_values=values)
    absl_flags.DEFINE_bool("do_predict", False, "", flag_values=values)
    absl_flags.DEFINE_string("objective", "auto", "", flag_values=values)
    absl_flags.DEFINE_string("warmup", "replace", "", flag_values=values)
    values(["script"] + list(command_line))
    return values


def test_every_key_becomes_a_flag_and_the_command_line_wins():
    for name, key in KEYS.items():
        if not key.flag:
            continue
        value = {bool: True, int: 7, float: 0.5, str: "text"}[key.kind]
        flags = make_flags()
        apply(flags, {name: value}, "--hparams")
        assert flags[key.flag].value == value, name
        other = {str: "other", bool: False}.get(key.kind, 1)
        flags = make_flags("--{}={}".format(key.flag, other))
        lines = apply(flags, {name: value}, "--hparams")
        assert flags[key.flag].value == other, name
        assert lines[1].startswith("--hparams overridden by the command line: --" + key.flag)
        assert "(hparams: {})".format(value) in lines[1]


def test_defaults_are_those_of_its_program():
    flags = make_flags()
    (line,) = apply(flags, {}, "--hparams", "D", "M")
    assert line.startswith("--hparams sets: --objective=electra --warmup=multiply")
    assert flags.input_file == "D/pretrain_tfrecords/pretrain_data.tfrecord*"
    assert (flags.vocab_file, flags.output_dir) == ("D/vocab.txt", "D/models/M")
    assert (flags.learning_rate, flags.num_warmup_steps) == (5e-4, 10000)
    assert (flags.num_train_steps, flags.train_batch_size) == (1000000, 128)
    assert (flags.max_eval_steps, flags.eval_batch_size, flags.iterations_per_loop) == (
        *(100, 128, 200),
    )
    assert flags.do_train is True and flags.num_tpu_cores == 8 and flags.temperature is None
    flags = make_flags()
    apply(flags, {"model_dir": "x", "pretrain_tfrecords": "y"}, "--hparams", "D", "M")
    assert (flags.output_dir, flags.input_file) == ("x", "y")


def test_do_eval_alone_on_the_command_line_trains_nothing():
    flags = make_flags("--do_eval")
    apply(flags, {}, "--hparams")
    assert not flags.do_train
    apply(flags, {"do_train": True}, "--hparams")
    assert flags.do_train


def test_what_is_not_used_and_what_a_flag_refuses():
    lines = apply(make_flags(), {"results_txt": "x"}, "--hparams")
    assert lines[-1] == "--hparams: results_txt is not used; see eval_results.txt"
    with pytest.raises(UserError, match="--hparams: num_tpu_cores cannot be 0: "):
        apply(make_flags(), {"num_tpu_cores": 0}, "--hparams")


def test_which_keys_are_the_models():
    values = {"model_size": "base", "vocab_size": 5, "mask_prob": 0.1, "results_pkl": "x"}
    assert pretraining_hparams.model_keys(values) == ["model_size", "vocab_size"]
