"""Config, vocabulary and settings beside checkpoints: written, found, copied."""

import os

import pytest
from record_files import TINY_CONFIG

from data.tokenizers.text_settings import TextSettings
from data.tokenizers.vocabularies import read_vocabulary
from data.tokenizers.wordpiece import SPECIAL_TOKENS
from modeling.config import GELU_CHOICES, BertConfig
from modeling.config_families import AlbertConfig, ElectraConfig, read_config
from training import model_files

pytestmark = pytest.mark.tf1


@pytest.mark.parametrize("config_class", [BertConfig, AlbertConfig, ElectraConfig])
@pytest.mark.parametrize("gelu", GELU_CHOICES)
def test_a_config_means_what_it_meant(tmp_path, config_class, gelu):
    """Whatever --gelu chose, and where plain gelu says it, that stays for other programs."""
    values = dict(TINY_CONFIG, hidden_act="gelu", embedding_size=8)
    if config_class is BertConfig:
        del values["embedding_size"]
    config = config_class(values, gelu=gelu)
    model_files.write(str(tmp_path), {"model": config})
    (name,) = os.listdir(str(tmp_path))
    assert name == model_files.config_name(config)
    variables = {BertConfig: "bert/a", AlbertConfig: "x/group_0/inner_group_0/a"}
    again = read_config(str(tmp_path / name), variables=[variables.get(config_class, "electra/a")])
    assert type(again) is config_class and again.activation == config.activation
    if gelu == "auto":
        assert again.to_dict() == config.to_dict()


def test_files_are_written_found_and_copied(tmp_path):
    (tmp_path / "words.txt").write_text("\n".join(SPECIAL_TOKENS) + "\r\n天\n", encoding="utf-8")
    vocabulary = read_vocabulary(str(tmp_path / "words.txt"))
    config = ElectraConfig(dict(TINY_CONFIG, embedding_size=8))
    small = ElectraConfig(dict(TINY_CONFIG, embedding_size=8, num_hidden_layers=1))
    out, best = tmp_path / "out", tmp_path / "out" / "best"
    best.mkdir(parents=True)
    networks = {"discriminator": config, "generator": small}
    model_files.write(str(out), networks, vocabulary, TextSettings(True, True))
    names = {"discriminator.json", "generator.json", "vocab.txt", "tokenizer_config.json"}
    assert set(os.listdir(str(out))) == names | {"best"}
    assert (out / "vocab.txt").read_bytes() == (tmp_path / "words.txt").read_bytes()
    assert read_config(str(out / "generator.json")).num_hidden_layers == 1
    (out / "task.json").write_text("{}")
    (out / "run_config.json").write_text("{}")
    model_files.copy(str(out), str(best))
    assert set(os.listdir(str(best))) == names | {"task.json"}
    configs = [str(best / name) for name in ("discriminator.json", "generator.json")]
    assert model_files.find_configs([str(best)]) == configs
    vocabularies = [str(best / "vocab.txt")]
    assert model_files.find_vocabularies([str(tmp_path), str(best)]) == vocabularies
    # The same again leaves the files alone.
    times = {name: os.stat(str(out / name)).st_mtime_ns for name in names}
    model_files.write(str(out), networks, vocabulary, TextSettings(True, True))
    assert {name: os.stat(str(out / name)).st_mtime_ns for name in names} == times


@pytest.mark.parametrize(
    ("present", "found"),
    [
        (["bert_config.json", "bert_config_rbt3.json"], "bert_config.json"),
        (["bert_config_rbt3.json", "run_config.json"], "bert_config_rbt3.json"),
        (["albert_config_tiny.json", "albert_config_small.json"], None),
        (["base_discriminator_config.json", "base_generator_config.json"],
         "base_discriminator_config.json"),
        (["pert_config.json", "tokenizer_config.json"], "pert_config.json"),
        (["config.json"], "config.json"),
        (["tokenizer_config.json", "run_config.json", "task.json"], None),
    ],
)  # fmt: skip
def test_configs_of_releases_are_found(tmp_path, present, found):
    for name in present:
        (tmp_path / name).write_text("{}")
    paths = model_files.find_configs([str(tmp_path / "nowhere"), str(tmp_path)])
    assert paths[:1] == ([str(tmp_path / found)] if found else [])
