"""Initial weights in the form that TensorFlow reads."""

import os

from modeling.conversion import huggingface
from training.log import log, warn


def tensorflow_prefix(path, make_folder):
    """The checkpoint's prefix; a Hugging Face directory is laid down as a checkpoint first, and the
    log says what became of it.

    Args:
      path: a prefix, or a Hugging Face directory.
      make_folder: function that returns where to lay it down; called for a directory only.

    Raises:
      UserError: the directory cannot be read, or the place not be written to.
    """
    if not huggingface.is_directory(path):
        return path
    prefix = os.path.join(make_folder(), "init_from_huggingface", "model.ckpt")
    for is_warning, line in huggingface.import_checkpoint(path, prefix).lines():
        (warn if is_warning else log)(line)
    return prefix
