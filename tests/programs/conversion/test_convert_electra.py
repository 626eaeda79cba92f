"""convert_checkpoint.py on ELECTRA's two networks: the original's numbers, random configs both
ways, the two taken for each other."""

import os
import shutil
import tempfile

import golden_cases
import huggingface_models as models
import pytest
import tensorflow.compat.v1 as tf
from golden_cases import needs_golden
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("safetensors")

from conversion_cases import (
    SIZES,
    assert_close,
    assert_compared,
    at_positions,
    inputs_of,
    random_variables,
    write,
)
from conversion_runs import (
    assert_equal_bits,
    convert,
    converted,
    load,
    read_json,
    refused,
    variables_of,
)
from record_files import write_json

from modeling import checkpoint
from modeling.config_families import AlbertConfig, ElectraConfig
from modeling.conversion import families

pytestmark = pytest.mark.tf2_15

tf.disable_v2_behavior()

ELECTRA_NAMES = {
    "discriminator": ("ElectraForPreTraining", "replaced-token logits"),
    "generator": ("ElectraForMaskedLM", "masked-LM logits"),
}


@pytest.fixture(scope="module")
def electra(tmp_path_factory):
    """The original program's checkpoint, each network converted; (folder, printed by network)."""
    folder = tmp_path_factory.mktemp("electra")
    printed = {}
    for which in ELECTRA_NAMES:
        # The command of Chinese-ELECTRA's README: a directory in, a file out.
        printed[which] = converted(
            tf_checkpoint_path=golden_cases.path("electra") + "/",
            config_file=golden_cases.path("electra", which + "_config.json"),
            pytorch_dump_path=folder / which / "model.bin",
            discriminator_or_generator=which,
        )
    return folder, printed


@needs_golden
@pytest.mark.parametrize("which", sorted(ELECTRA_NAMES))
def test_golden_electra(which, electra, tmp_path):
    folder, printed = electra
    class_name, logits = ELECTRA_NAMES[which]
    assert_compared(printed[which], logits)
    assert "converted: ELECTRA's " + which.upper() in printed[which]
    assert "strings are tokenised alike" in printed[which]
    assert sorted(os.listdir(str(folder / which)))[1:3] == ["config.json", "model.bin"]
    os.makedirs(str(tmp_path / "hf"))
    for name, target in (("model.bin", "pytorch_model.bin"), ("config.json", "config.json")):
        shutil.copy(str(folder / which / name), str(tmp_path / "hf" / target))
    model, unexpected = load(class_name, tmp_path / "hf")
    assert not unexpected
    outputs = golden_cases.arrays("electra", "outputs.npz")
    features = golden_cases.batch_features("electra")
    ids = "fake/input_ids" if which == "discriminator" else "masked/input_ids"
    theirs = models.their_outputs(model, dict(inputs_of(features), input_ids=outputs[ids]))
    got = {"embedding_output": theirs["embeddings"], "all_encoder_layers": theirs["hidden_states"]}
    if which == "discriminator":
        got["logits"] = theirs["replaced"]
    else:
        log_probs = at_positions(theirs["mlm"], outputs["masked/masked_lm_positions"])
        got["mlm_log_probs"] = log_probs.reshape(outputs["generator/mlm_log_probs"].shape)
    assert_close(got, {k[len(which) + 1 :]: v for k, v in outputs.items() if k.startswith(which)})


@needs_golden
def test_golden_electra_comes_back_from_both(electra, tmp_path):
    for which in ELECTRA_NAMES:
        shutil.copytree(str(electra[0] / which), str(tmp_path / which))
        os.rename(str(tmp_path / which / "model.bin"), str(tmp_path / which / "pytorch_model.bin"))
    pair = "{0}/generator,{0}/discriminator".format(tmp_path)
    back = tmp_path / "tf" / "electra_model.ckpt"
    out = converted(from_pytorch=pair, tf_dump_path=back)
    assert "DISCRIMINATOR" in out and "GENERATOR" in out
    original = variables_of(checkpoint.resolve(golden_cases.path("electra")))
    original.pop("global_step", None)
    assert_equal_bits(original, variables_of(back))
    for which in ELECTRA_NAMES:
        values = read_json(back.parent, which + ".json")
        assert values == golden_cases.settings("electra", which + "_config.json")
        assert list(values) == sorted(values)
    with open(golden_cases.path("electra", "vocab.txt"), "rb") as reader:
        assert reader.read() == (back.parent / "vocab.txt").read_bytes()
    # Each for itself: its own variables and the embeddings that both have.
    for which, scope in (("discriminator", "generator"), ("generator", "electra/encoder")):
        alone = tmp_path / ("tf_" + which) / "x"
        converted(from_pytorch=tmp_path / which, tf_dump_path=alone)
        names = variables_of(alone)
        assert_equal_bits({name: original[name] for name in names}, names)
        assert not [name for name in names if name.startswith(scope)]
        assert "electra/embeddings/word_embeddings" in names
        refused(
            "holds ELECTRA's " + which,
            from_pytorch=tmp_path / which,
            tf_dump_path=tmp_path / "no" / "x",
            discriminator_or_generator={"generator": "discriminator"}.get(which, "generator"),
        )
    same = "{0}/generator,{0}/generator".format(tmp_path)
    refused("one must hold", from_pytorch=same, tf_dump_path=tmp_path / "no" / "x")
    refused("names 3 directories", from_pytorch="a,b,c", tf_dump_path=tmp_path / "no" / "x")
    refused(
        "cannot be combined with two directories",
        from_pytorch=pair,
        tf_dump_path=tmp_path / "no" / "x",
        discriminator_or_generator="generator",
    )


@needs_golden
def test_the_other_networks_config_is_refused(tmp_path):
    for asked, given_config in (("discriminator", "generator"), ("generator", "discriminator")):
        refused(
            given_config + "_config.json has the sizes of the " + given_config,
            "give the {}'s config, or --discriminator_or_generator={}".format(asked, given_config),
            tf_checkpoint_path=golden_cases.path("electra"),
            config_file=golden_cases.path("electra", given_config + "_config.json"),
            pytorch_dump_path=tmp_path / "hf",
            discriminator_or_generator=asked,
        )


@settings(max_examples=4, deadline=None)
@given(
    which=st.sampled_from(sorted(ELECTRA_NAMES)),
    heads=st.integers(1, 3),
    head_size=st.integers(2, 6),
    layers=st.integers(1, 3),
    narrow=st.sampled_from([None, 4, 12]),
    vocabulary=st.integers(7, 60),
)
def test_random_electra(which, heads, head_size, layers, narrow, vocabulary):
    hidden = 4 * heads * head_size
    sizes = dict(
        SIZES,
        hidden_size=hidden,
        embedding_size=narrow or hidden,
        num_attention_heads=heads,
        num_hidden_layers=layers,
        vocab_size=vocabulary,
    )
    family = {f.network: f for f in families.FAMILIES}[which]
    variables = random_variables(ElectraConfig(sizes), family, seed=vocabulary)
    with tempfile.TemporaryDirectory() as folder:
        hf, back = os.path.join(folder, "hf"), os.path.join(folder, "back", "x")
        source = write(folder, variables, sizes)
        there = converted(pytorch_dump_path=hf, discriminator_or_generator=which, **source)
        assert_compared(there, ELECTRA_NAMES[which][1])
        assert read_json(hf, "config.json")["architectures"] == [ELECTRA_NAMES[which][0]]
        assert_compared(converted(from_pytorch=hf, tf_dump_path=back), ELECTRA_NAMES[which][1])
        assert_equal_bits(variables, variables_of(back))
        new = read_json(folder, "back", which + ".json")
        assert {key: new[key] for key in ElectraConfig(sizes).to_dict()} == (
            ElectraConfig(sizes).to_dict()
        )


def electra_parts(own_embeddings=False):
    """Variables of a small discriminator and generator, and the sizes of each."""
    small = dict(SIZES, hidden_size=8, intermediate_size=32, num_attention_heads=1)
    generator = families.electra_generator(
        embedding_scope="generator" if own_embeddings else "electra"
    )
    variables = random_variables(ElectraConfig(small), generator, seed=1)
    variables.update(random_variables(ElectraConfig(SIZES), families.ELECTRA))
    return variables, SIZES, small


def test_a_generator_with_embeddings_of_its_own(tmp_path):
    """untied_generator_embeddings: they have the generator's width."""
    variables, large, small = electra_parts(own_embeddings=True)
    assert variables["generator/embeddings/word_embeddings"].shape == (30, 8)
    for which, sizes in (("discriminator", large), ("generator", small)):
        source = write(tmp_path / "tf", variables, sizes)
        converted(pytorch_dump_path=tmp_path / which, discriminator_or_generator=which, **source)
    pair = "{0}/discriminator,{0}/generator".format(tmp_path)
    converted(from_pytorch=pair, tf_dump_path=tmp_path / "back" / "x")
    assert_equal_bits(variables, variables_of(tmp_path / "back" / "x"))


def test_directories_of_different_models(tmp_path):
    for seed, class_name in enumerate(["ElectraForPreTraining", "ElectraForMaskedLM"]):
        model = models.make_model(class_name, seed=seed, embedding_size=10)
        model.save_pretrained(str(tmp_path / class_name))
    pair = "{0}/ElectraForPreTraining,{0}/ElectraForMaskedLM".format(tmp_path)
    words = "are not of one model: their embeddings differ"
    refused(words, from_pytorch=pair, tf_dump_path=tmp_path / "back" / "x")


def test_networks_that_are_not_there(tmp_path):
    variables, large, _ = electra_parts()
    alone = {n: v for n, v in variables.items() if not n.startswith("generator")}
    source = write(tmp_path / "a", alone, large)
    target = {"pytorch_dump_path": tmp_path / "hf"}
    message = "holds no generator of ELECTRA's; --discriminator_or_generator=discriminator"
    refused(message, discriminator_or_generator="generator", **source, **target)
    assert "converted: ELECTRA's DISCRIMINATOR" in converted(**source, **target)
    # A masked language model in the discriminator's place, without electra_objective
    generator = families.electra_generator("electra", "electra")
    variables = random_variables(ElectraConfig(large), generator)
    source = write(tmp_path / "b", variables, large)
    refused("holds no discriminator of ELECTRA's", **source, **target)
    out = converted(discriminator_or_generator="generator", **source, **target)
    assert_compared(out, "masked-LM logits")


def test_a_release_has_the_configs_of_both_networks(tmp_path):
    variables, large, small = electra_parts()
    source = write(tmp_path / "tf", variables, large, "small_discriminator.json")
    said = "WARNING: the generator's config is not written: no small_generator.json was found"
    assert said in converted(strip_optimizer=tmp_path / "a", **source)
    for name, sizes, said in (
        ("generator.json", large, "generator.json is not written: it does not fit the generator"),
        ("small_generator.json", small, "generator.json"),
    ):
        write_json(tmp_path / "tf" / name, sizes)
        assert said in converted(strip_optimizer=tmp_path / name, **source)
    assert sorted(os.listdir(str(tmp_path / "generator.json"))) == sorted(
        os.listdir(str(tmp_path / "a"))
    )
    release = tmp_path / "small_generator.json"
    assert read_json(release, "generator.json") == small
    assert read_json(release, "discriminator.json") == large
    assert_equal_bits(variables, variables_of(release / "electra_model.ckpt"))


def test_the_choice_of_a_network_is_for_electra_alone(tmp_path):
    config = AlbertConfig(SIZES)
    source = write(tmp_path / "a", random_variables(config, families.ALBERT), SIZES)
    words = "--discriminator_or_generator=generator is for an ELECTRA"
    choice = {"discriminator_or_generator": "generator"}
    refused(words, "is an ALBERT model", pytorch_dump_path=tmp_path / "hf", **source, **choice)
    model = models.make_model()
    model.save_pretrained(str(tmp_path / "bert"))
    refused(
        words,
        "is a BERT model",
        from_pytorch=tmp_path / "bert",
        tf_dump_path=tmp_path / "tf" / "x",
        **choice,
    )
    code, _, _ = convert(pytorch_dump_path=tmp_path / "hf", head="classification", **source)
    assert code == 1
