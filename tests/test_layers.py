"""Every module of the project is in a layer, and imports only what is below it."""

import ast
import os
import subprocess
import sys

import pytest
from conftest import ROOT
from layer_rules import (
    IMPORTERS_BY_NAME,
    LAYERS,
    ROOMS,
    USERS_OF_TENSORFLOW,
    check,
    is_text,
    module_of,
)

FOLDERS_OF_OTHERS = ("tests", "build", "output", "quickstart", "lert_example")


def modules_of_the_project():
    """Paths of the Python files that check() is for, with slashes."""
    for folder, names, files in os.walk(ROOT):
        if folder == ROOT:
            names[:] = [name for name in names if name not in FOLDERS_OF_OTHERS]
        names[:] = [name for name in names if not name.startswith((".", "__"))]
        paths = [os.path.relpath(os.path.join(folder, name), ROOT) for name in files]
        yield from (p.replace(os.sep, "/") for p in paths if p.endswith(".py") and p != "setup.py")


def source_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def test_every_module_keeps_the_rules():
    paths = list(modules_of_the_project())
    assert len(paths) > 150
    assert [sentence for path in paths for sentence in check(path, source_of(path))] == []


def test_every_entry_of_the_tables_is_there():
    """No rule for what has gone; reports/ is to come."""
    modules = {module_of(path) for path in modules_of_the_project()}
    packages = {name.rpartition(".")[0] for name in modules}
    listed = {n for t in (LAYERS, ROOMS) for x in t for names in x.groups.values() for n in names}
    assert listed - modules - packages == {"reports"}
    assert {*USERS_OF_TENSORFLOW, *IMPORTERS_BY_NAME} <= modules


def test_every_package_says_what_belongs_there():
    paths = [path for path in modules_of_the_project() if path.endswith("/__init__.py")]
    assert len(paths) > 20
    assert [path for path in paths if not ast.get_docstring(ast.parse(source_of(path)))] == []


def test_everything_but_tools_is_installed():
    """A list element of setup.py for each package, and each program that lies beside them."""
    listed = {node.value for node in ast.walk(ast.parse(source_of("setup.py"))) if is_text(node)}
    names = {module_of(path).split(".")[0] for path in modules_of_the_project()}
    assert names - listed == {"benchmarks", "sample", "scripts"}


COMMON = "data, modeling and optimization never import each other; what they share goes to common/"
ORDER = (
    "benchmarks -> programs -> cli -> prediction and reports -> training and finetuning -> "
    "data, modeling and optimization -> common"
)
ROOM_ORDER = (
    "modules of data/ itself -> recipes, input and scan -> rows and jobs -> "
    "tokenizers, records and similarity -> text"
)
FLAGS = "only programs and cli/ know flags; the layers below take arguments"


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("data/x.py", "import os\n\nimport modeling", ["line 3 imports modeling: " + COMMON]),
        ("modeling/x.py", "from data.rows import y", ["line 1 imports data.rows.y: " + COMMON]),
        (
            "data/text/x.py",
            "from data.jobs.statistics import add_statistics",
            [
                "line 1 imports data.jobs.statistics.add_statistics: data.text is below data.jobs, "
                "and imports go down: " + ROOM_ORDER
            ],
        ),
        (
            "optimization/x.py",
            "def f():\n    from modeling import encoder",
            ["line 2 imports modeling.encoder: " + COMMON],
        ),
        (
            "finetuning/kinds/x.py",
            "import importlib\nimportlib.import_module('training.runner')",
            [
                "line 2 imports training.runner: training and finetuning never import each other; "
                "what they share goes to the layers below"
            ],
        ),
        (
            "modeling/x.py",
            "from importlib import import_module\nimport_module('data.recipes.' + name)",
            ["line 2 imports data.recipes: " + COMMON],
        ),
        (
            "modeling/x.py",
            "import importlib\nimportlib.import_module(name)",
            [
                "line 2 imports what a variable names: begin with a literal, or add the module to "
                "IMPORTERS_BY_NAME in tests/support/layer_rules.py"
            ],
        ),
        (
            "common/x.py",
            "import data.creation as c, os",
            ["line 1 imports data.creation: common is below data, and imports go down: " + ORDER],
        ),
        (
            "training/x.py",
            "from cli import app",
            ["line 1 imports cli.app: training is below cli, and imports go down: " + ORDER],
        ),
        (
            "data/rows/x.py",
            "from data.inspect import main",
            [
                "line 1 imports data.inspect.main: data is below data.inspect, and imports go "
                "down: " + ORDER
            ],
        ),
        (
            "run_prediction.py",
            "import run_finetuning",
            [
                "line 1 imports run_finetuning: programs never import each other; what they share "
                "goes to cli/"
            ],
        ),
        ("data/x.py", "from absl import flags, logging", ["line 1 imports absl.flags: " + FLAGS]),
        ("training/x.py", "import absl.flags", ["line 1 imports absl.flags: " + FLAGS]),
        ("data/x.py", "from . import y", ["line 1 imports ..y: imports are absolute"]),
        (
            "data/text/x.py",
            "from data import recipes",
            [
                "line 1 imports data.recipes: data.text is below data.recipes, and imports go "
                "down: modules of data/ itself -> recipes, input and scan -> rows and jobs -> "
                "tokenizers, records and similarity -> text"
            ],
        ),
        (
            "data/rows/x.py",
            "import data.jobs.job",
            [
                "line 1 imports data.jobs.job: rows and jobs never import each other; what they "
                "share goes to the rooms below"
            ],
        ),
        (
            "data/rows/x.py",
            "import numpy\ntry:\n    import tensorflow.compat.v1 as tf\nexcept ImportError:\n    1",
            [
                "line 3 imports tensorflow.compat.v1: take tf from common.lazy_tensorflow, which "
                "imports it when it is first used"
            ],
        ),
        (
            "data/rows/x.py",
            "from common.lazy_tensorflow import tf",
            [
                "line 1 imports common.lazy_tensorflow.tf: worker processes of data creation use "
                "no TensorFlow; only data/input/ does"
            ],
        ),
        (
            "oven/x.py",
            "",
            "oven/x.py is in no layer: add it to LAYERS in tests/support/layer_rules.py",
        ),
        ("bake.py", "", "bake.py is in no layer: add it to LAYERS in tests/support/layer_rules.py"),
        (
            "data/x.py",
            "import modeling\nfrom cli import app",
            [
                "line 1 imports modeling: " + COMMON,
                "line 2 imports cli.app: data is below cli, and imports go down: " + ORDER,
            ],
        ),
    ],
)
def test_a_broken_rule_is_said(path, source, expected):
    if isinstance(expected, list):
        expected = [path + " " + sentence for sentence in expected]
    else:
        expected = [expected]
    assert check(path, source) == expected


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("data/x.py", "import os, numpy\nfrom common import files\nfrom data.rows import pairs"),
        ("data/input/x.py", "from common.lazy_tensorflow import tf"),
        ("data/rows/x.py", "def show():\n    import tensorflow.compat.v1 as tf"),
        ("benchmarks/x.py", "import tensorflow.compat.v1 as tf"),
        ("data/inspect.py", "from absl import flags\nfrom cli import app"),
        ("data/jobs/x.py", "from data.text import corpus"),
        ("data/jobs/x.py", "from data.text.words import EXAMPLES"),
        ("prediction/x.py", "from training import runner\nfrom finetuning.task import Task"),
        (
            "optimization/x.py",
            "from common.lazy_tensorflow import tf\nimport database\nimport clip",
        ),
        ("run_pretraining.py", "from absl import flags\nimport cli.app, training.runner"),
        ("benchmarks/x.py", "import create_pretraining_data, sample"),
        (
            "common/separate_process.py",
            "import importlib\nfor name in ():\n    importlib.import_module(name)",
        ),
    ],
)
def test_what_the_rules_allow(path, source):
    assert check(path, source) == []


@pytest.mark.parametrize(
    "code",
    [
        "import create_pretraining_data; from data.creation import RecordWork; "
        "from data.creation_settings import CreationSettings; "
        "RecordWork(CreationSettings('sample/vocab.txt')).make_processor()",
        "import annotate_corpus, data.annotation",
    ],
)
def test_worker_processes_do_not_import_tensorflow(code):
    code = "import sys; {}; sys.exit('tensorflow' in sys.modules)".format(code)
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
