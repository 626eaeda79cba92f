"""ELECTRA's two Hugging Face directories, merged into one checkpoint."""

import collections

import numpy as np

from common.errors import UserError
from modeling.conversion import huggingface
from modeling.conversion.families import DISCRIMINATOR, GENERATOR, electra_generator

_SHARED, _OWN = "electra/embeddings/", "generator/embeddings/"


def read_pair(paths):
    """Reads a discriminator and a generator under names that do not collide.

    They share their embeddings; where these differ, the generator's get names of their own, as in a
    training with untied_generator_embeddings.

    Args:
      paths: two directories, in either order.

    Returns:
      The two as huggingface.Directory, the discriminator first.

    Raises:
      UserError: see huggingface.read_directory; they are not one of each, or not of one model.
    """
    by_network = {read.family.network: read for read in map(huggingface.read_directory, paths)}
    if set(by_network) != {DISCRIMINATOR, GENERATOR}:
        raise UserError(
            "--from_pytorch={}: of two directories one must hold ELECTRA's discriminator "
            "(ElectraForPreTraining) and one its generator (ElectraForMaskedLM)".format(
                ",".join(paths)
            )
        )
    discriminator, generator = by_network[DISCRIMINATOR], by_network[GENERATOR]
    if not _share_embeddings(discriminator.variables, generator.variables):
        generator = _with_own_embeddings(discriminator, generator)
    return [discriminator, generator]


def merged(pair):
    """Ordered dict variable name -> array of both."""
    return collections.OrderedDict(item for read in pair for item in read.variables.items())


def _share_embeddings(first, second):
    shared = [name for name in first if name.startswith(_SHARED)]
    return all(name in second and np.array_equal(first[name], second[name]) for name in shared)


def _with_own_embeddings(discriminator, generator):
    variables = generator.variables
    words = discriminator.family.names.word_table
    if "generator/embeddings_project/kernel" in variables or len(variables[words]) != len(
        discriminator.variables[words]
    ):
        raise UserError(
            "{} and {} are not of one model: their embeddings differ; convert each for "
            "itself".format(discriminator.path, generator.path)
        )
    renamed = collections.OrderedDict(
        (_OWN + name[len(_SHARED) :] if name.startswith(_SHARED) else name, value)
        for name, value in variables.items()
    )
    family = electra_generator("generator", "generator")
    return generator._replace(variables=renamed, family=family)
