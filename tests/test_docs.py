"""The commands of the READMEs and docs/ and the set-up scripts do what they say.

A ```bash block is run as it is printed; a ```console block stands for files that are not there, and
its flags are read.
"""

import collections
import glob
import os
import re
import shlex

import pytest
import workplaces
from conftest import ROOT
from flag_probe import parse

READMES = ("README.md", "README_ZH.md")
PAGES = sorted(os.path.relpath(p, ROOT) for p in glob.glob(os.path.join(ROOT, "docs", "*.md")))
CHINESE_PAGES = sorted(glob.glob(os.path.join(ROOT, "docs", "zh", "*.md")))
TRANSLATED = [os.path.basename(path) for path in CHINESE_PAGES]
IN_TESTS_OF_THEIR_OWN = ("scripts/quickstart.sh", "scripts/test.sh", ".venv/bin/activate")


def commands(name, kind="bash"):
    """The command lines of a page's blocks of a kind, continued lines joined."""
    with open(os.path.join(ROOT, name), encoding="utf-8") as f:
        blocks = re.findall(r"```" + kind + r"\n(.*?)```", f.read(), re.S)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [re.sub(r"\s+", " ", line.split(" #")[0]).strip() for line in lines if line.strip()]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    with workplaces.workplace(tmp_path_factory.mktemp("workplace")) as folder:
        yield folder


def test_both_readmes_give_the_same_commands():
    assert commands(READMES[0]) == commands(READMES[1])
    assert all(any(c.endswith(s) for c in commands(READMES[0])) for s in IN_TESTS_OF_THEIR_OWN)


@pytest.mark.parametrize("page", TRANSLATED)
def test_chinese_pages_give_the_commands_of_the_english_ones(page):
    assert set(commands("docs/zh/" + page)) <= set(commands("docs/" + page))


@pytest.mark.parametrize(
    "chinese, english",
    [(f"docs/zh/{page}", f"docs/{page}") for page in TRANSLATED]
    + [(f"{folder}/README_ZH.md", f"{folder}/README.md") for folder in ("configs", "benchmarks")],
)
def test_chinese_pages_have_the_names_and_figures_of_the_english_ones(chinese, english):
    """Flags, files and messages, but for placeholders in Chinese; figures of the tables by row."""
    names, figures = [], []
    for name in (chinese, english):
        with open(os.path.join(ROOT, name), encoding="utf-8") as f:
            page = re.sub(r"```.*?```", "", f.read(), flags=re.S)
        names.append({" ".join(span.split()) for span in re.findall(r"`([^`]+)`", page)})
        rows = re.findall(r"^\|.*", page, re.M)
        rows = [re.findall("[0-9]+[.,][0-9,.]*[0-9]|[0-9]{3,}", row) for row in rows]
        figures.append([sorted(row) for row in rows if row])
    assert not [n for n in names[0] - names[1] if not re.search("[\u4e00-\u9fff]", n)]
    assert figures[0] == figures[1]


def test_the_modules_that_pages_name_exist():
    """Paths begin in the project's folder or, where the room is clear, in the room."""
    there = glob.glob(os.path.join(ROOT, "**", "*.py"), recursive=True)
    there = {"/" + os.path.relpath(path, ROOT).replace(os.sep, "/") for path in there}
    pages = [*READMES, *PAGES, *CHINESE_PAGES]
    pages += [f"{folder}/{name}" for folder in ("configs", "benchmarks") for name in READMES]
    for page in pages:
        with open(os.path.join(ROOT, page), encoding="utf-8") as f:
            named = set(re.findall(r"`([a-z0-9_/]+\.py)`", f.read()))
        missing = [n for n in named if not any(path.endswith("/" + n) for path in there)]
        assert not missing, (page, missing)


def test_every_command_runs(workplace):
    listed = [c for c in commands(READMES[0]) if not c.endswith(IN_TESTS_OF_THEIR_OWN)]
    listed += [command for page in PAGES for command in commands(page)]
    assert len(listed) >= 13
    for command in listed:
        result = workplaces.run(command, workplace)
        assert result.returncode == 0, command + "\n" + result.stderr
    for made in (
        "_train.tfrecord.manifest.json",
        "model/eval_results.txt",
        "lert/eval_pos.tsv",
        "tags.jsonl",
        "domain/best/checkpoint",
        "filled.jsonl",
        "classifier/trials.json",
        "classified.jsonl",
        "huggingface/model.safetensors",
        "tensorflow/bert_model.ckpt.index",
        "release/bert_model.ckpt.index",
        "extended/bert_model.ckpt.index",
        "court_model/best/checkpoint",
        "court_huggingface/model.safetensors",
    ):
        assert (workplace / "output" / made).exists(), made


def test_the_flags_of_commands_that_stand_for_others():
    lines = collections.defaultdict(list)
    for page in (*READMES, *PAGES):
        for command in commands(page, "console"):
            for script, words in re.findall(r"python (\w+)\.py([^;|&]*)", command):
                lines[script].append([word for word in shlex.split(words) if word != "..."])
    assert sum(map(len, lines.values())) >= 14
    assert lines.pop("cmrc2018_drcd_evaluate")  # two files, no flags
    for script, words in lines.items():
        wrong = [pair for pair in zip(parse(script, words), words) if pair[0]]
        assert not wrong, (script, wrong)
