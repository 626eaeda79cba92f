"""The rules on imports: the tables of layers and rooms, and the check of a module's source.

LAYERS and ROOMS are the tables of docs/architecture.md. check() takes a module's path and source,
so that tests can also hand it modules that are made up.
"""

import ast
from typing import Dict, NamedTuple, Tuple


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
    "data.extend_vocab",
    "data.inspect",
    "data.scan_corpus",
    "data.similar_words",
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
    Layer(
        "recipes, input and scan",
        _groups("data.recipes", "data.input", "data.scan"),
        "the rooms below",
    ),
    Layer(
        "rows and jobs",
        _groups("data.rows", "data.jobs"),
        "the rooms below",
    ),
    Layer(
        "tokenizers, records and similarity",
        _groups("data.tokenizers", "data.records", "data.similarity"),
        "data/text",
    ),
    Layer("text", _groups("data.text")),
)
READERS_OF_FLAGS = (*PROGRAMS, "benchmarks", "cli")
# What worker processes of data creation never import, of data/.
USERS_OF_TENSORFLOW = (
    "data.input",
    "data.records.checks.record_contents",
    "data.rows.corruptions.graph_replacement",
    "data.rows.corruptions.graph_sampling",
)

# Modules that import what a variable names: classes of LTP, calls in another process, modules that
# a TensorFlow lacks, fuzzed kinds.
IMPORTERS_BY_NAME = (
    "benchmarks.faults.forked",
    "benchmarks.fuzzing.registry",
    "benchmarks.fuzzing.worker",
    "common.separate_process",
    "data.text.ltp.directory_check",
    "training.estimators",
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
        return [path + " is in no layer: add it to LAYERS in tests/support/layer_rules.py"]
    tree = ast.parse(source)
    sentences = []
    for line, name in imports_of(tree):
        rules = [_layer_rule(module, name), _room_rule(module, name), _flag_rule(module, name)]
        sentences += [
            "{} line {} imports {}: {}".format(path, line, name, rule) for rule in rules if rule
        ]
    return sentences + _unknown_imports(path, tree) + _tensorflow_imports(path, tree)


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
    name = call.args[0] if _is_import_call(call) else None
    while isinstance(name, ast.BinOp):
        name = name.left
    return [name.value.rstrip(".")] if is_text(name) else []


def _is_import_call(node):
    if not isinstance(node, ast.Call) or not node.args:
        return False
    called = getattr(node.func, "attr", getattr(node.func, "id", None))
    return called in ("import_module", "__import__")


def _unknown_imports(path, tree):
    """Sentences on calls of import_module whose module no reader of the source can tell."""
    if module_of(path) in IMPORTERS_BY_NAME:
        return []
    return [
        "{} line {} imports what a variable names: begin with a literal, or add the module to "
        "IMPORTERS_BY_NAME in tests/support/layer_rules.py".format(path, node.lineno)
        for node in ast.walk(tree)
        if _is_import_call(node) and not _imported_by_call(node)
    ]


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
    """Sentences on TensorFlow that is imported outside functions: a program would be slow to tell
    of a wrong flag."""
    if place_in(LAYERS, module_of(path))[1] in ("benchmarks", "sample"):
        return []
    functions = (ast.FunctionDef, ast.Lambda)
    inside = [f for f in ast.walk(tree) if isinstance(f, functions)]
    lines = {node.lineno for f in inside for node in ast.walk(f) if hasattr(node, "lineno")}
    return [
        "{} line {} imports {}: take tf from common.lazy_tensorflow, which imports it when it is "
        "first used".format(path, line, name)
        for line, name in imports_of(tree)
        if name.split(".")[0] == "tensorflow" and line not in lines
    ] + _data_imports(path, tree)


def _data_imports(path, tree):
    """Sentences on TensorFlow in modules of data/ that worker processes import."""
    module = module_of(path)
    is_data = place_in(LAYERS, module)[1] == "data"
    if not is_data or any((module + ".").startswith(name + ".") for name in USERS_OF_TENSORFLOW):
        return []
    return [
        "{} line {} imports {}: worker processes of data creation use no TensorFlow; only "
        "data/input/ does".format(path, line, name)
        for line, name in imports_of(tree)
        if name == "common.lazy_tensorflow.tf"
    ]


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
