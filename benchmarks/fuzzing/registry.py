"""All surfaces, and what each kind of worker needs before the first input."""

import importlib
import sys

from absl import flags

from fuzzing import (
    annotation_surfaces,
    data_surfaces,
    huggingface_surfaces,
    model_surfaces,
    record_surfaces,
)


def surfaces():
    """List of Surface; on Python 3.7 those that run there."""
    shared = [
        *record_surfaces.TRAINED,
        *model_surfaces.TRAINED,
        *model_surfaces.PREDICTED,
        *model_surfaces.FINETUNED,
        *model_surfaces.CONVERTED,
    ]
    if sys.version_info < (3, 9):
        return shared
    return [
        *data_surfaces.SURFACES,
        *annotation_surfaces.SURFACES,
        *record_surfaces.INSPECTED,
        *shared,
        *huggingface_surfaces.SURFACES,
    ]


def prepare(kind, seeds):
    """Makes valid inputs for the surfaces of `kind` below the folder `seeds`.

    Modules that define their flags only where they are run as scripts define them now.
    """
    module = importlib.import_module(kind)
    if hasattr(module, "_define_flags"):
        module._define_flags(flags)
    of_data = (data_surfaces.KIND, data_surfaces.BUILD, data_surfaces.SIMILAR)
    if kind in (*of_data, record_surfaces.INSPECT):
        data_surfaces.prepare(seeds)
    elif kind == annotation_surfaces.KIND:
        annotation_surfaces.prepare(seeds)
    elif kind == record_surfaces.TRAIN:
        model_surfaces.prepare_training(seeds)
    elif kind == model_surfaces.FINETUNE:
        model_surfaces.prepare_finetuning(seeds)
    elif kind == model_surfaces.CONVERT and sys.version_info >= (3, 9):
        huggingface_surfaces.prepare(seeds)
    else:
        model_surfaces.prepare_model(seeds)
