"""convert_checkpoint.py run in this process, checkpoints for it and checks of its results."""

import contextlib
import importlib
import io
import json
import logging
import os
import re
import sys

import huggingface_models as models
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from absl import flags

from cli.app import one_line
from modeling.config import BertConfig
from modeling.conversion import huggingface, network

transformers = pytest.importorskip("transformers")

GOLDEN_COMPONENTS = ["pooler", "masked_lm", "sentence_pair"]
# What is printed of a component, and what tests call it.
OUTPUTS = {
    "pooler": ("pooled output", "pooled"),
    "masked_lm": ("masked-LM logits", "mlm"),
    "sentence_pair": ("sentence-pair logits", "nsp"),
    "classifier": ("classifier logits", "classes"),
}


def convert(**values):
    """(exit code, stdout, stderr) of the script with these flags, in this process."""
    before = set(flags.FLAGS)
    script = importlib.import_module("convert_checkpoint")
    out, err = io.StringIO(), io.StringIO()
    words = ["--{}={}".format(name, value) for name, value in values.items()]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            rest = flags.FLAGS(["convert_checkpoint.py"] + words)
            code = one_line(script.main)(rest)
        return code or 0, out.getvalue(), err.getvalue()
    finally:
        # Other scripts define some of these flags, too.
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
        flags.FLAGS.unparse_flags()
        del sys.modules["convert_checkpoint"]


def converted(**values):
    """Standard output of a conversion that must succeed."""
    code, out, err = convert(**values)
    assert code == 0 and not err, err
    return out


def refused(*words, **values):
    """The message of a conversion that must fail, in one line with these words."""
    code, _, err = convert(**values)
    assert code == 1 and err.startswith("error: ") and err.count("\n") == 1, err
    for word in words:
        assert str(word) in err, err
    return err


def make_checkpoint(folder, components, labels=3, seed=0, extra=None, **changes):
    """Random variables of a network with these components, and its config; flags to convert it."""
    sizes = dict(dict(models.SIZES, num_hidden_layers=1), **changes)
    shapes = network.shapes(BertConfig(sizes), components, labels)
    rng = np.random.RandomState(seed)
    variables = {
        name: (rng.standard_normal(shape) * 0.3).astype(np.float32)
        for name, shape in shapes.items()
        if "pooler" in components or "/pooler/" not in name
    }
    variables.update(extra or {})
    os.makedirs(str(folder), exist_ok=True)
    huggingface.write_checkpoint(os.path.join(str(folder), "model.ckpt"), variables)
    config = os.path.join(str(folder), "bert_config.json")
    with open(config, "w", encoding="utf-8") as writer:
        json.dump(sizes, writer)
    return {"tf_checkpoint_path": str(folder), "config_file": config}


def variables_of(prefix):
    """Dict name -> array of a checkpoint."""
    reader = tf.train.NewCheckpointReader(str(prefix))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_equal_bits(first, second):
    assert set(first) == set(second)
    for name, value in first.items():
        assert value.shape == second[name].shape and value.tobytes() == second[name].tobytes(), name


@contextlib.contextmanager
def no_warnings():
    """Whatever transformers has to say inside is an error."""
    records = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = records.append
    logger = logging.getLogger("transformers")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    assert not records, [record.getMessage() for record in records]


def loaded_and_saved_tokenizers(folder, saved, **arguments):
    """[AutoTokenizer of a folder, that of what it saves in `saved`], both without a warning."""
    with no_warnings():
        first = transformers.AutoTokenizer.from_pretrained(str(folder), **arguments)
        first.save_pretrained(str(saved))
        return [first, transformers.AutoTokenizer.from_pretrained(str(saved), **arguments)]


def load(class_name, folder, **arguments):
    """A model of transformers; all of its weights must be in the directory."""
    model, info = getattr(transformers, class_name).from_pretrained(
        str(folder), output_loading_info=True, **arguments
    )
    assert not info["missing_keys"] and not info["mismatched_keys"], info
    return model.eval(), info["unexpected_keys"]


def read_json(*path):
    with open(os.path.join(*[str(part) for part in path]), encoding="utf-8") as reader:
        return json.load(reader)


def assert_compared(printed, components):
    """All components were compared, and differ by no more than 1e-5."""
    figures = dict(re.findall(r"largest difference, (.*): (\S+)\n", printed))
    assert set(figures) == {"hidden states"} | {OUTPUTS[component][0] for component in components}
    assert all(float(figure) < 1e-5 for figure in figures.values()), figures
