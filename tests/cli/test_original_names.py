"""Flags of google-research/albert and brightmart/albert_zh that have other names here."""

import json
import re
import sys

import pytest
import script_driver
from creation_runs import VOCAB
from finetuning_runs import flags_of as finetuning_flags
from finetuning_runs import make_task
from pretraining_runs import flags_of, run_many
from record_files import TINY_CONFIG, learnable_records, write_json, write_records
from script_driver import error_of, out_of

SIMPLIFIED = "我们发现，天气干燥。皇后后来离开了台湾。\n他头发很长！\n\n乾隆时期的书籍。\n" * 20
TRADITIONAL = "我們發現，天氣乾燥。皇后後來離開了臺灣。\n他頭髮很長！\n\n乾隆時期的書籍。\n" * 20


def records(tmp_path, run_in_one, text, *runs):
    """Runs of create_pretraining_data.py on a text: [CompletedProcess], and their records."""
    (tmp_path / "in.txt").write_text(text, encoding="utf-8")
    common = {"input_file": tmp_path / "in.txt", "num_workers": 1, "dupe_factor": 2}
    lines = [
        dict(common, output_file=tmp_path / "out{}".format(number), **flags)
        for number, flags in enumerate(runs)
    ]
    done = run_in_one("create_pretraining_data.py", lines)
    written = [tmp_path / "out{}".format(number) for number in range(len(runs))]
    return done, [path.read_bytes() if path.exists() else None for path in written]


def test_names_of_data_creation(tmp_path, run_in_one, spiece, one_line_error):
    albert = {"objective": "albert"}
    done, made = records(
        tmp_path,
        run_in_one,
        SIMPLIFIED,
        dict(albert, spm_model_file=spiece, vocab_file=VOCAB),
        dict(albert, vocab_file=spiece, tokenizer="sentencepiece"),
        dict(albert, spm_model_file=VOCAB),
        dict(albert, spm_model_file=tmp_path / "no.model"),
        dict(albert, spm_model_file=spiece, tokenizer="wordpiece"),
        {"non_chinese": True, "vocab_file": VOCAB},
        {"segmenter": "none", "vocab_file": VOCAB},
        {"vocab_file": VOCAB, "non_chinese": False},
        {"vocab_file": VOCAB},
        {"vocab_file": VOCAB, "non_chinese": True, "segmenter": "jieba"},
        {"vocab_file": VOCAB, "non_chinese": True, "input_format": "presegmented"},
    )
    assert made[0] == made[1] and made[0]
    assert "--vocab_file={} is not read: --spm_model_file=".format(VOCAB) in done[0].stdout
    one_line_error(done[2], "--spm_model_file={} is no SentencePiece model".format(VOCAB))
    one_line_error(done[3], "no.model does not exist (--spm_model_file)")
    one_line_error(done[4], "means --tokenizer=sentencepiece, but --tokenizer=wordpiece is given")
    assert made[5] == made[6] and made[7] == made[8] and made[5] != made[7]
    one_line_error(done[9], "--non_chinese=True means --segmenter=none, but --segmenter=jieba")
    one_line_error(done[10], "--non_chinese cannot be combined with --input_format=presegmented")


def test_traditional_text_becomes_the_records_of_simplified_text(tmp_path, run_in_one):
    pytest.importorskip("opencc")
    runs = [{"t2s": t2s, "vocab_file": VOCAB, "input_format": "raw"} for t2s in (True, False)]
    done, (converted, as_it_is) = records(tmp_path, run_in_one, TRADITIONAL, *runs)
    assert [one.returncode for one in done] == [0, 0]
    (tmp_path / "simple").mkdir()
    _, (expected, unchanged) = records(tmp_path / "simple", run_in_one, SIMPLIFIED, *runs)
    assert converted == expected == unchanged != as_it_is
    manifest = (tmp_path / "_out0.manifest.json").read_text(encoding="utf-8")
    assert '"t2s": true' in manifest


def test_t2s_without_opencc_or_with_words_is_one_line(tmp_path, run_in_one, one_line_error):
    flags = {"t2s": True, "vocab_file": VOCAB, "input_format": "conllu"}
    (done,), _ = records(tmp_path, run_in_one, "x\n", flags)
    one_line_error(done, "--t2s cannot be combined with --input_format=conllu")


def test_opencc_that_is_missing_is_named(tmp_path, monkeypatch):
    from common.errors import UserError
    from data.text import simplification

    simplification._converter.cache_clear()
    monkeypatch.setitem(sys.modules, "opencc", None)
    with pytest.raises(
        UserError, match="package opencc, which is not installed: pip install opencc"
    ):
        simplification.check("raw")
    simplification._converter.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("names")
    write_records(path / "train.tfrecord", learnable_records(32))
    sizes = dict(TINY_CONFIG, num_hidden_layers=2, embedding_size=8)
    write_json(path / "bert.json", TINY_CONFIG)
    write_json(path / "google.json", dict(sizes, num_hidden_groups=1))
    write_json(path / "zh.json", dict(sizes, ln_type="postln"))
    return path


@pytest.fixture(scope="module")
def planned(folder):
    """name -> [exit code, stdout, stderr] of dry runs of run_pretraining.py."""
    runs = {}

    def add(name, **changes):
        changes = dict({"bert_config_file": None, "objective": "albert"}, **changes)
        output = str(folder / "out")
        runs[name] = flags_of(folder, output_dir=output, dry_run=True, **changes)

    google, zh = str(folder / "google.json"), str(folder / "zh.json")
    add("albert", albert_config_file=google)
    add("bert", bert_config_file=google)
    add("both", bert_config_file=zh, albert_config_file=google)
    add("over a preset", albert_config_file=google, preset="albert", num_train_steps=9000)
    add("lamb of albert", albert_config_file=google, optimizer="lamb")
    add("lamb", bert_config_file=google, optimizer="lamb")
    add("lamb of zh", bert_config_file=zh, optimizer="lamb")
    add("qualified", bert_config_file=google, optimizer="lamb_albert")
    add("adamw", albert_config_file=google, optimizer="adamw")
    add("next sentence", bert_config_file=zh, objective="bert")
    add("swapped", bert_config_file=str(folder / "bert.json"))
    add("no pairs", bert_config_file=zh, objective="roberta")
    return dict(zip(runs, run_many(list(runs.values()))))


def test_config_under_its_name_in_albert(planned, folder):
    def parameters(name):
        return re.search(r"plan: ([\d,]+) parameters", out_of(planned, name)).group(1)

    assert parameters("albert") == parameters("bert") == parameters("over a preset")
    assert "means --config_file=" in error_of(planned, "both")


def test_which_lamb_is_meant_is_said(planned):
    of_albert = "--albert_config_file is google-research/albert's: lamb_albert"
    assert of_albert in out_of(planned, "lamb of albert")
    assert "note: --optimizer=lamb is ymcui's LAMB" in out_of(planned, "lamb")
    assert out_of(planned, "lamb").count("--optimizer=lamb_albert") == 1
    for name in ("lamb of zh", "qualified", "adamw", "albert"):
        assert "LAMB" not in out_of(planned, name) and "albert's:" not in out_of(planned, name)


def test_pairs_of_another_family_warn(planned):
    warned = "WARNING: pairs of sentences are trained as {}"
    assert warned.format("next_sentence") in out_of(planned, "next sentence")
    assert "--objective=albert or macbert where the records" in out_of(planned, "next sentence")
    assert warned.format("sentence_order") in out_of(planned, "swapped")
    for name in ("no pairs", "albert"):
        assert "pairs of sentences" not in out_of(planned, name)


def test_steps_of_fine_tuning(tmp_path):
    """The command of google-research/albert."""
    make_task(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config = dict(config, num_hidden_groups=1, embedding_size=8)
    write_json(tmp_path / "config.json", config)
    names = {"bert_config_file": None, "albert_config_file": str(tmp_path / "config.json")}
    steps = dict(names, num_train_epochs=None, train_step=7, warmup_step=3, optimizer="lamb")
    runs = {
        "steps": dict(steps, do_predict=None),
        "both": dict(steps, num_train_epochs=2),
        "both warm-ups": dict(steps, warmup_proportion=0.2),
        "negative": dict(steps, warmup_step=-1),
        "none": dict(steps, train_step=0),
    }
    lines = [finetuning_flags(tmp_path, **changes) for changes in runs.values()]
    done = dict(zip(runs, script_driver.run_many("run_finetuning", lines)))
    out_of(done, "steps")
    assert "global_step = 7\n" in (tmp_path / "out" / "eval_results.txt").read_text()
    saved = json.loads((tmp_path / "out" / "run_config.json").read_text())["optimizer"]
    assert saved["num_train_steps"] == 7 and saved["num_warmup_steps"] == 3
    assert saved["optimizer"] == "lamb_albert"
    assert "--num_train_steps and --num_train_epochs both say how long" in error_of(done, "both")
    assert "--num_warmup_steps and --warmup_prop" in error_of(done, "both warm-ups")
    assert "--num_warmup_steps=-1 must not be negative" in error_of(done, "negative")
    assert "--num_train_steps=0 must be positive" in error_of(done, "none")
