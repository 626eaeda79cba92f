"""Depths of variables in a model, for layer-wise learning rates."""

import collections

from common.errors import UserError
from modeling.load_plan import PROJECTIONS
from modeling.task_heads import ROOT_HEADS


def layers_below_heads(config):
    """Distances of a model's variables from the heads of fine-tuning.

    In an encoder of L layers the embeddings, with their projection, have depth 0, layer l (from 0)
    has l + 1, and the pooler and all heads have L + 2; the distance is L + 2 less that
    (google-research/electra, model/optimization.py). So the last layer is two away from the heads.
    The layers of a distillation count as heads.

    Args:
      config: model config.

    Returns:
      Ordered dict prefix of variable names -> int; each name in the graph of a fine-tuning task has
      one of these prefixes.

    Raises:
      UserError: the layers of this model share their weights.
    """
    if config.shares_layers:
        raise UserError(
            "--layerwise_lr_decay cannot be combined with {}: layers of the kind {} share their "
            "weights, so these have no depth; remove it".format(config.source, config.network)
        )
    count = config.num_hidden_layers
    distances = collections.OrderedDict()
    for name in ("embeddings/", "embeddings_project/"):
        distances["{}/{}".format(config.scope, name)] = count + 2
    for layer in range(count):
        distances["{}/encoder/layer_{}/".format(config.scope, layer)] = count + 1 - layer
    for name in (config.scope + "/pooler/", "task_specific/", *ROOT_HEADS, PROJECTIONS):
        distances[name] = 0
    return distances
