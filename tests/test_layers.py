"""Every module of the project is in a layer, and imports only what is below it.

LAYERS and ROOMS are the tables of docs/architecture.md. check() takes a module's path and source,
so that the tests can also hand it modules that are made up.
"""

import ast
import os
import subprocess
import sys
from typing import Dict, NamedTuple, Tuple

import pytest
from conftest import ROOT

FOLDERS_OF_OTHERS = ("tests", "build", "output", "quickstart")


class Layer(NamedTuple):
    """A row of a table: its groups import the rows below, never each other.

    Attributes:
      title: the groups in a sentence.
      groups: name -> the packages (with all that is in them) and modules of the group. The most
        specific name counts: data.inspect is a program, data.creation is not.
      shared: where to put what two of the groups share.
    """

    title: str
    groups: Dict[str, Tuple[str, ...]]
    shared: str = ""


def _groups(*names):
    """Groups of one package or module each, which is also the group's name."""
    return {name: (name,) for name in names}


PROGRAMS = _groups(
    "annotate_corpus",
    "cmrc2018_drcd_evaluate",
    "convert_checkpoint",
    "create_pretraining_data",
    "run_finetuning",
    "run_prediction",
    "run_pretraining",
    "data.build_vocab",
    "data.inspect",
    "sample",
    "scripts",
)
LAYERS = (
    Layer("benchmarks", _groups("benchmarks")),
    Layer("programs", PROGRAMS, "cli/"),
    Layer("cli", _groups("cli")),
    Layer("prediction and reports", _groups("prediction", "reports"), "the layers below"),
    Layer("training and finetuning", _groups("training", "finetuning"), "the layers below"),
    Layer(
        "data, modeling and optimization", _groups("data", "modeling", "optimization"), "common/"
    ),
    Layer("common", _groups("common")),
)
# The rooms of data/. The modules of data/ itself put the rooms together, so they are above them.
ROOMS = (
    Layer("modules of data/ itself", _groups("data")),
    Layer("recipes and input", _groups("data.recipes", "data.input"), "the rooms below"),
    Layer(
        "rows and jobs",
        _groups("data.rows", "data.jobs"),
        "the rooms below",
    ),
    Layer("tokenizers and records", _groups("data.tokenizers", "data.records"), "data/text"),
    Layer("text", _groups("data.text")),
)
READERS_OF_FLAGS = (*PROGRAMS, "benchmarks", "cli")
# What worker processes of data creation never import, of data/.
USERS_OF_TENSORFLOW = (
    "data.input",
    "data.records.checks.record_contents",
    "data.rows.graph_sampling",
)


def module_of(path):
    """The dotted name of the module at a path: data/rows/__init__.py is data.rows."""
    name = path[: -len(".py")].replace("/", ".")
    return name[: -len(".__init__")] if name.endswith(".__init__") else name


def place_in(table, module):
    """(row, group) of a module in a table, by the longest name that covers it; None: nowhere."""
    places = [
        (len(name), row, group)
        for row, layer in enumerate(table)
        for group, names in layer.groups.items()
        for name in names
        if (module + ".").startswith(name + ".")
    ]
    return max(places)[1:] if places else None


def check(path, source):
    """The sentences that say which rules a module breaks.

    Args:
      path: of the module in the project, with slashes.
      source: its text.

    Returns:
      list of texts, empty where the module keeps all rules.
    """
    module = module_of(path)
    if place_in(LAYERS, module) is None:
        return [path + " is in no layer: add it to LAYERS in tests/test_layers.py"]
    tree = ast.parse(source)
    sentences = []
    for line, name in imports_of(tree):
        rules = [_layer_rule(module, name), _room_rule(module, name), _flag_rule(module, name)]
        sentences += [
            "{} line {} imports {}: {}".format(path, line, name, rule) for rule in rules if rule
        ]
    return sentences + _tensorflow_imports(path, tree)


def imports_of(tree):
    """(line, dotted name) of each import in a parsed module, in the order of the lines: those
    inside functions too, and import_module("literal")."""
    pairs = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            pairs += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            pairs += [(node.lineno, start + "." + alias.name) for alias in node.names]
        elif isinstance(node, ast.Call):
            pairs += [(node.lineno, name) for name in _imported_by_call(node)]
    return sorted(pairs)


def _imported_by_call(call):
    """The literal of import_module("x") or import_module("x." + name), without the last dot."""
    called = getattr(call.func, "attr", getattr(call.func, "id", None))
    if called not in ("import_module", "__import__") or not call.args:
        return []
    name = call.args[0]
    while isinstance(name, ast.BinOp):
        name = name.left
    return [name.value.rstrip(".")] if isinstance(getattr(name, "value", None), str) else []


def _layer_rule(module, name):
    if name.startswith("."):
        return "imports are absolute"
    return _order_rule(LAYERS, module, name)


def _room_rule(module, name):
    if all(place_in(LAYERS, each) == place_in(LAYERS, "data") for each in (module, name)):
        return _order_rule(ROOMS, module, name)
    return None


def _order_rule(table, module, name):
    """The rule that an import breaks by going upward or sideways in a table, or None."""
    target = place_in(table, name)
    if target is None:
        return None
    (row, group), (other_row, other_group) = place_in(table, module), target
    if other_row < row:
        order = " -> ".join(layer.title for layer in table)
        return "{} is below {}, and imports go down: {}".format(group, other_group, order)
    if other_row == row and other_group != group:
        return "{} never import each other; what they share goes to {}".format(
            table[row].title, table[row].shared
        )
    return None


def _flag_rule(module, name):
    if name == "absl.flags" and place_in(LAYERS, module)[1] not in READERS_OF_FLAGS:
        return "only programs and cli/ know flags; the layers below take arguments"
    return None


def _tensorflow_imports(path, tree):
    """Sentences on TensorFlow where worker processes would import it, outside functions."""
    module = module_of(path)
    is_data = place_in(LAYERS, module)[1] == "data"
    if not is_data or any((module + ".").startswith(name + ".") for name in USERS_OF_TENSORFLOW):
        return []
    functions = (ast.FunctionDef, ast.Lambda)
    inside = [f for f in ast.walk(tree) if isinstance(f, functions)]
    lines = {node.lineno for f in inside for node in ast.walk(f) if hasattr(node, "lineno")}
    return [
        "{} line {} imports {}: worker processes of data creation import no TensorFlow; only "
        "data/input/ does, and functions that no worker calls".format(path, line, name)
        for line, name in imports_of(tree)
        if name.split(".")[0] == "tensorflow" and line not in lines
    ]


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


def test_every_package_says_what_belongs_there():
    paths = [path for path in modules_of_the_project() if path.endswith("/__init__.py")]
    assert len(paths) > 20
    assert [path for path in paths if not ast.get_docstring(ast.parse(source_of(path)))] == []


def test_everything_but_tools_is_installed():
    """A list element of setup.py for each package, and each program that lies beside them."""
    listed = {node.value for node in ast.walk(ast.parse(source_of("setup.py"))) if _is_text(node)}
    names = {module_of(path).split(".")[0] for path in modules_of_the_project()}
    assert names - listed == {"benchmarks", "sample", "scripts"}


def _is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


COMMON = "data, modeling and optimization never import each other; what they share goes to common/"
ORDER = (
    "benchmarks -> programs -> cli -> prediction and reports -> training and finetuning -> "
    "data, modeling and optimization -> common"
)
ROOM_ORDER = (
    "modules of data/ itself -> recipes and input -> rows and jobs -> tokenizers and records "
    "-> text"
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
                "down: modules of data/ itself -> recipes and input -> rows and jobs -> "
                "tokenizers and records -> text"
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
                "line 3 imports tensorflow.compat.v1: worker processes of data creation import no "
                "TensorFlow; only data/input/ does, and functions that no worker calls"
            ],
        ),
        ("oven/x.py", "", "oven/x.py is in no layer: add it to LAYERS in tests/test_layers.py"),
        ("bake.py", "", "bake.py is in no layer: add it to LAYERS in tests/test_layers.py"),
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
        ("data/x.py", "import os, numpy\nfrom common import files\nfrom data.rows import masking"),
        ("data/input/x.py", "import tensorflow.compat.v1 as tf"),
        ("data/rows/x.py", "def show():\n    import tensorflow.compat.v1 as tf"),
        ("data/inspect.py", "from absl import flags\nfrom cli import app"),
        ("data/jobs/x.py", "from data.text import corpus"),
        ("data/jobs/x.py", "from data.text.words import EXAMPLES"),
        ("prediction/x.py", "from training import runner\nfrom finetuning.task import Task"),
        ("optimization/x.py", "import tensorflow.compat.v1 as tf\nimport database\nimport clip"),
        ("run_pretraining.py", "from absl import flags\nimport cli.app, training.runner"),
        ("benchmarks/x.py", "import create_pretraining_data, sample"),
        ("modeling/x.py", "import importlib\nimportlib.import_module(name)"),
    ],
)
def test_what_the_rules_allow(path, source):
    assert check(path, source) == []


@pytest.mark.parametrize(
    "code",
    [
        "import create_pretraining_data, data.creation; from data.creation import *; "
        "RecordWork(CreationSettings('sample/vocab.txt')).make_processor()",
        "import annotate_corpus, data.annotation",
    ],
)
def test_worker_processes_do_not_import_tensorflow(code):
    code = "import sys; {}; sys.exit('tensorflow' in sys.modules)".format(code)
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
