"""Model configurations and presets."""

import json
import os

import pytest
import tensorflow.compat.v1 as tf
from absl import flags as absl_flags
from conftest import ROOT
from flag_probe import probe
from record_files import (
    write_json,
)

from cli import presets
from common.errors import UserError
from data.records.schema import FEATURES, feature_length
from modeling.config_families import kind_of, read_config
from modeling.encoder import encoder
from modeling.kernels import PlainKernels
from modeling.objectives import get_objective
from modeling.parameters import ParameterStore

MODELS = os.path.join(ROOT, "configs", "models")
SHIPPED = presets.names()


def table(heading):
    """Rows of the table of configs/README.md whose first column is called `heading`."""
    with open(os.path.join(ROOT, "configs", "README.md"), encoding="utf-8") as reader:
        lines = [line.strip() for line in reader]
    start = next(i for i, line in enumerate(lines) if line.startswith("| " + heading + " |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


# Objective that a config's network is pre-trained with.
OBJECTIVES = {"bert": "bert", "electra": "electra", "albert": "albert", "albert_zh": "albert"}


class Shapes(ParameterStore):
    """A store without variables: making them takes longer than all the rest."""

    def _create(self, name, shape, initializer, trainable, in_collections):
        self._variables[name] = tf.placeholder(tf.float32, shape)
        return self._variables[name]


def counts(config):
    """(all, encoder's) weights of a model for pre-training, built in a graph of its own."""
    objective = get_objective(OBJECTIVES[config.network])
    with tf.Graph().as_default():
        store = Shapes()
        features = {
            name: tf.placeholder(
                tf.float32 if FEATURES[name].dtype == "float32" else tf.int32,
                [None, feature_length(name, 128, 20)],
            )
            for name in objective.feature_names
        }
        objective.build(config, store, PlainKernels(), features, is_training=False)
        sizes = {name: tf.TensorShape(s).num_elements() for name, s in store.shapes().items()}
    encoder = sum(size for name, size in sizes.items() if name.startswith(config.scope + "/"))
    return sum(sizes.values()), encoder


def generator_count(config):
    """Weights of ELECTRA's generator, the embeddings that it shares with them."""
    with tf.Graph().as_default():
        store, ids = Shapes(), tf.zeros([1, 8], tf.int32)
        encoder(config.as_generator(), store, PlainKernels(), ids, ids, ids)
        return store.count()


def test_model_sizes_are_those_of_the_table_and_near_the_published():
    rows = table("file")
    assert [row[0] for row in rows] == sorted(os.listdir(MODELS))
    for name, layers, hidden, heads, total, encoder_size, published, _ in rows:
        config = read_config(os.path.join(MODELS, name))
        sizes = (config.num_hidden_layers, config.hidden_size, config.num_attention_heads)
        assert sizes == (int(layers), int(hidden), int(heads)), name
        if name.endswith("_generator.json"):
            assert ("–", "{:,}".format(generator_count(config))) == (total, encoder_size), name
            continue
        found = counts(config)
        assert ["{:,}".format(n) for n in found] == [total, encoder_size], name
        if published != "–":
            assert abs(found[1] / 1e6 - float(published.rstrip("M"))) < 0.6, name


def test_shipped_generators_are_a_quarter_of_the_discriminators():
    found = sorted(name for name in os.listdir(MODELS) if name.endswith("_generator.json"))
    assert len(found) == 5
    for name in found:
        discriminator = read_config(os.path.join(MODELS, name.replace("gener", "discrimin")))
        expected = discriminator.derived_generator().to_dict()
        assert read_config(os.path.join(MODELS, name)).to_dict() == expected, name


def test_model_files_hold_every_key_of_the_released_format_and_no_other():
    for name in os.listdir(MODELS):
        with open(os.path.join(MODELS, name), encoding="utf-8") as reader:
            values = json.load(reader)
        kind = kind_of(values).config
        assert values.pop("model_type", kind.network) == kind.network, name
        assert list(values) == [key for key, _, _ in kind.KEYS], name
        english = name.endswith(("_v1.json", "_v2.json"))
        expected = 8021 if "clue" in name else 30000 if english else 21128
        assert values["vocab_size"] == expected


@pytest.mark.tf1
def test_every_preset_is_accepted_by_the_script():
    found = probe("run_pretraining", *SHIPPED)
    assert set(presets.NOT_IN_PRESETS) <= set(found["flags"])
    for name, outcome in found["presets"].items():
        assert isinstance(outcome, dict), outcome
        for flag, value in presets.load(name).flags.items():
            if not flag.endswith("config_file"):
                taken = (value, str(value).split(","))  # as it is, or as a list
                assert outcome[flag] in taken, (name, flag)


@pytest.mark.tf1
@pytest.mark.parametrize("name", SHIPPED)
def test_presets_are_sound(name):
    preset = presets.load(name)
    flags = preset.flags
    assert preset.source and preset.note
    assert flags["num_warmup_steps"] < flags["num_train_steps"]
    assert flags["train_batch_size"] % (8 * flags.get("gradient_accumulation_steps", 1)) == 0
    # enough for every masked piece of a full row, but for the odd one
    share = 0.1 if name in ("albert_zh", "roberta_zh") else 0.15
    assert flags["max_predictions_per_seq"] >= round(flags["max_seq_length"] * share) - 3
    if "bert_config_file" in flags:
        config = read_config(os.path.join(ROOT, flags["bert_config_file"]))
        layers = [int(n) for n in flags.get("init_layers", "").split(",") if n]
        assert not layers or len(layers) == config.num_hidden_layers
        assert layers == sorted(set(layers))


def test_presets_are_those_of_the_table_and_as_published():
    rows = table("preset")
    assert sorted(row[0] for row in rows) == SHIPPED
    columns = ["max_seq_length", "train_batch_size", "num_train_steps", "optimizer"]
    columns += ["learning_rate", "num_warmup_steps"]
    for row in rows:
        flags = presets.load(row[0]).flags
        assert row[1:7] == [str(flags[column]) for column in columns], row[0]
    for published in (
        ["bert_wwm_phase1", "128", "2560", "100000", "lamb", "0.0001", "10000"],
        ["bert_wwm_phase2", "512", "384", "100000", "lamb", "0.0001", "10000"],
        ["roberta_wwm_ext", "512", "384", "1000000", "adamw", "0.0001", "10000"],
        ["lert", "512", "1024", "2000000", "adamw", "0.0001", "10000"],
        ["electra_small", "512", "1024", "1000000", "adamw", "0.0005", "10000"],
        ["electra_small_ex", "512", "384", "2000000", "adamw", "0.0005", "10000"],
        ["electra_base", "512", "256", "1000000", "adamw", "0.0002", "10000"],
        ["electra_large", "512", "96", "2000000", "adamw", "0.0001", "10000"],
        ["albert", "512", "4096", "125000", "lamb_albert", "0.00176", "3125"],
        ["albert_zh", "512", "4096", "125000", "lamb", "0.00176", "12500"],
    ):
        assert published in [row[:7] for row in rows]


def make_flags(*command_line):
    """A script's flags in an object of their own."""
    values = absl_flags.FlagValues()
    absl_flags.DEFINE_string("preset", None, "", flag_values=values)
    absl_flags.DEFINE_string("input_file", None, "", flag_values=values)
    absl_flags.DEFINE_string("bert_config_file", None, "", flag_values=values)
    absl_flags.DEFINE_integer("train_batch_size", 32, "", flag_values=values)
    absl_flags.DEFINE_integer("max_seq_length", 128, "", 1, flag_values=values)
    absl_flags.DEFINE_float("learning_rate", 5e-5, "", flag_values=values)
    absl_flags.DEFINE_bool("init_slots", False, "", flag_values=values)
    absl_flags.DEFINE_enum("optimizer", "adamw", ["adamw", "lamb"], "", flag_values=values)
    absl_flags.DEFINE_list("init_layers", None, "", flag_values=values)
    values(["script"] + list(command_line))
    return values


@pytest.fixture
def preset_file(tmp_path):
    """Writes a preset into a folder of presets; returns (folder, path)."""

    def write(name="mine", **values):
        folder = tmp_path / "configs" / "pretraining"
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder), write_json(folder / (name + ".json"), values)

    return write


@pytest.mark.tf1
def test_values_become_the_flags(preset_file):
    values = {
        "train_batch_size": 2560,
        "learning_rate": 1,
        "init_slots": True,
        "optimizer": "lamb",
        "init_layers": "0,1,2",
    }
    folder, path = preset_file(source="a paper", note="a word", flags=values)
    for given in ("mine", path):
        flags = make_flags()
        lines = presets.apply(flags, given, folder, in_full=True)
        assert flags.train_batch_size == 2560 and isinstance(flags.train_batch_size, int)
        assert flags.learning_rate == 1.0 and isinstance(flags.learning_rate, float)
        assert (flags.init_slots, flags.optimizer) == (True, "lamb")
        assert flags.init_layers == ["0", "1", "2"]
        assert flags.max_seq_length == 128
        assert lines[0].startswith("preset: " + given) and path in lines[0]
        assert lines[1:3] == ["preset source: a paper", "preset note: a word"]
        assert lines[3].startswith("preset sets: ") and "--init_layers=0,1,2" in lines[3]
        assert len(lines) == 4


@pytest.mark.tf1
def test_of_a_long_source_the_first_words_are_shown(preset_file):
    source, long_word = "words of a source " * 50, "页" * 5000
    for text in (source, long_word):
        folder, _ = preset_file(source=text, note="a word", flags={"train_batch_size": 8})
        _, shown, sets = presets.apply(make_flags(), "mine", folder)
        assert len(shown) < 130 and shown.endswith(" ...")
        assert text.startswith(shown[len("preset source: ") : -len(" ...")])
        assert sets == "preset sets: --train_batch_size=8"
        in_full = presets.apply(make_flags(), "mine", folder, in_full=True)
        assert in_full[1:3] == ["preset source: " + text, "preset note: a word"]


@pytest.mark.tf1
def test_the_command_line_wins_even_with_the_default_value(preset_file):
    folder, _ = preset_file(flags={"train_batch_size": 64, "max_seq_length": 512, "init_slots": 1})
    flags = make_flags("--train_batch_size=32", "--noinit_slots")
    lines = presets.apply(flags, "mine", folder)
    assert (flags.train_batch_size, flags.max_seq_length, flags.init_slots) == (32, 512, False)
    assert lines[1] == "preset source: not given"
    assert lines[2] == "preset sets: --max_seq_length=512"
    assert lines[3] == (
        "preset overridden by the command line: --train_batch_size=32 (preset: 64) "
        "--init_slots=False (preset: 1)"
    )


@pytest.mark.tf1
def test_a_value_that_a_program_has_set_wins_too(preset_file):
    folder, _ = preset_file(flags={"train_batch_size": 64})
    flags = make_flags()
    flags.train_batch_size = 8
    assert "--train_batch_size=8" in presets.apply(flags, "mine", folder)[-1]
    assert flags.train_batch_size == 8


@pytest.mark.tf1
def test_config_file_is_found_here_then_at_the_root(preset_file, tmp_path, monkeypatch):
    name = os.path.join("configs", "models", "x.json")
    folder, _ = preset_file(flags={"bert_config_file": name})
    flags = make_flags()
    presets.apply(flags, "mine", folder)
    assert flags.bert_config_file == name  # nowhere: the script will say so
    (tmp_path / "configs" / "models").mkdir()
    write_json(tmp_path / name, {})
    flags = make_flags()
    presets.apply(flags, "mine", folder)
    assert flags.bert_config_file == str(tmp_path / name)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "configs" / "models").mkdir(parents=True)
    write_json(elsewhere / name, {})
    monkeypatch.chdir(str(elsewhere))
    flags = make_flags()
    presets.apply(flags, "mine", folder)
    assert flags.bert_config_file == name


@pytest.mark.tf1
@pytest.mark.parametrize(
    "flags, words",
    [
        ({"train_batchsize": 8}, ["'train_batchsize'", "did you mean train_batch_size?"]),
        ({"zzz": 8}, ["no flag 'zzz'", "remove it"]),
        ({"flagfile": "x"}, ["no flag 'flagfile'"]),
        ({"input_file": "x"}, ["input_file must not be in a preset", "on the command line"]),
        ({"preset": "x"}, ["preset must not be in a preset"]),
        ({"tpu_name": "x"}, ["tpu_name must not be in a preset", "machine"]),
        ({"optimizer": "adam"}, ["optimizer cannot be 'adam'", "adamw", "lamb"]),
        ({"train_batch_size": 2.5}, ["train_batch_size cannot be 2.5"]),
        ({"train_batch_size": "many"}, ["train_batch_size cannot be 'many'"]),
        ({"train_batch_size": True}, ["train_batch_size cannot be True", "int"]),
        ({"learning_rate": "nan"}, ["learning_rate cannot be 'nan': must be a finite number"]),
        ({"learning_rate": 1e300}, ["learning_rate cannot be 1e+300: must lie between"]),
        ({"train_batch_size": 1 << 40}, ["train_batch_size cannot be 1099511627776: must lie"]),
        ({"learning_rate": True}, ["learning_rate cannot be True", "float"]),
        ({"learning_rate": None}, ["learning_rate cannot be None", "a number"]),
        ({"init_layers": ["0"]}, ["init_layers cannot be ['0']", "a text"]),
        ({"max_seq_length": 0}, ["max_seq_length cannot be 0"]),
        ({"init_slots": "maybe"}, ["init_slots cannot be 'maybe'"]),
        ({"bert_config_file": 3}, ["bert_config_file cannot be 3"]),
    ],
)
def test_refused_flags_are_named(preset_file, flags, words):
    folder, path = preset_file(flags=flags)
    with pytest.raises(UserError) as error:
        presets.apply(make_flags(), "mine", folder)
    message = str(error.value)
    assert message.startswith("preset " + path) and "\n" not in message
    for word in words:
        assert word in message, message


@pytest.mark.tf1
def test_refused_files_are_named(preset_file, tmp_path):
    folder, path = preset_file("b", flags={})
    preset_file("a", flags={})

    def refusal(name):
        with pytest.raises(UserError) as error:
            presets.apply(make_flags(), name, folder)
        return str(error.value)

    assert "known are a, b (" in refusal("bert_vwm") and "--preset=bert_vwm" in refusal("bert_vwm")
    missing = str(tmp_path / "missing.json")
    assert refusal(missing) == "preset {} does not exist or is no file".format(missing)
    for values, words in (
        ({"optimizer": "lamb"}, "unknown key 'optimizer'; known are source, note and flags, and"),
        ({"flags": {}, "sources": ""}, "unknown key 'sources'; known are source, note and flags"),
        ({"source": "x"}, '"flags" must hold an object'),
        ({"flags": [1]}, '"flags" must hold an object'),
        ({"flags": {}, "source": ["x"]}, '"source" must be a text'),
    ):
        preset_file("b", **values)
        assert words in refusal("b") and path in refusal("b")
    with open(path, "w", encoding="utf-8") as writer:
        writer.write('{"flags": {\n"a": 1,}}')
    assert refusal("b").startswith("preset {}, line 2: not valid JSON".format(path))
    folder = str(tmp_path / "nowhere")
    assert "known are none (" in refusal("b")
