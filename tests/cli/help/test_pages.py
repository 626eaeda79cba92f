"""Help of each program: every flag is in it, by topic; one screen has what is needed first."""

import json
import os
import re
import subprocess
import sys

import pytest
from conftest import ROOT

# Defines the flags of a program as its start does; prints them and its pages.
PROBE = """
import importlib, inspect, json, sys
from absl import flags
script = importlib.import_module(sys.argv[1])
define = getattr(script, "_define_flags", None)
if define:
    define(flags)
from cli.help import page, requests, topics
requests.define()
names = [name for name in flags.FLAGS if not topics.is_of_absl(name)]
json.dump({
    "texts": {name: flags.FLAGS[name].help.split(">: ")[-1] for name in names},
    "short": page.short(),
    "full": page.full(),
    "leading": [f.name for title, those in topics.sections()[:2] for f in those
                if title in (topics.NEEDED, topics.OFTEN)],
}, sys.stdout)
"""
PROGRAMS = {
    "run_pretraining": ("Optimizer", "Devices", "Checkpoints", "LERT", "ELECTRA"),
    "run_finetuning": ("Task and examples", "Reading comprehension", "Multi-label classification"),
    "run_prediction": ("Model", "--task=features"),
    "create_pretraining_data": ("Text and words", "Masks", "ELECTRA"),
    "annotate_corpus": ("Input and output", "Text and words"),
    "convert_checkpoint": ("TensorFlow to Hugging Face", "Hugging Face to TensorFlow"),
    "data.inspect": (),
    "data.scan_corpus": (),
    "data.build_vocab": (),
    "data.extend_vocab": (),
    "data.similar_words": ("Table", "Vectors of a file", "Vectors of a corpus"),
}
SCREEN = 45


def stands_in(name, text):
    dashes = "-" if len(name) == 1 else "--"
    return re.search(r"(?m)^  (.*, )?{}(\[no\])?{}\b".format(dashes, re.escape(name)), text)


def probed(program):
    """What PROBE prints of a program."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, program],
        cwd=ROOT,
        env=dict(os.environ, COLUMNS="80"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("program", PROGRAMS)
def test_pages(program):
    found = probed(program)
    full, short = found["full"], found["short"]
    assert [name for name in found["texts"] if name != "?" and not stands_in(name, full)] == []
    assert len(short.splitlines()) <= SCREEN, short
    assert found["leading"] and all(stands_in(name, short) for name in found["leading"])
    titles = re.findall(r"(?m)^(\S.*):$", full)
    assert titles[0] == "Needed" and titles[-1] == "Help" and len(set(titles)) == len(titles)
    assert [title for title in PROGRAMS[program] if title not in titles] == []
    if PROGRAMS[program]:
        assert "More" not in titles, "a flag has no topic; see cli/help/topics.py"
    sentence = re.compile(r"[A-Z].*\.( \(default: .*\))?$")
    unlike = [text for text in found["texts"].values() if not sentence.match(text)]
    assert unlike == []


def test_options_of_a_family_stand_below_it():
    sections = re.split(r"(?m)^(\S.*):$", probed("run_pretraining")["full"])
    below = dict(zip(sections[1::2], sections[2::2]))
    assert stands_in("lip_steps", below["LERT"]) and stands_in("gen_weight", below["ELECTRA"])
    assert not stands_in("gen_weight", below["Training"])
    # One name in all programs, the others beside it.
    assert "--config_file=FILE, --bert_config_file" in below["Needed"]
    assert "--seed=N, --random_seed" in below["Training"]
