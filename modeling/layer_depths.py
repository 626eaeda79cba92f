"""How deep in a model each variable lies, for learning rates that differ from layer to layer."""

import collections

from common.errors import UserError

# Heads of Google's style, which lie in no scope of their own.
_ROOT_HEADS = ("output_weights", "output_bias", "cls/squad/")


def layers_below_heads(config):
    """Distances of a model's variables from the heads of fine-tuning.

    In an encoder of L layers the embeddings, with their projection, have depth 0, layer l (from 0)
    has l + 1, and the pooler and all heads have L + 2; the distance is L + 2 less that
    (google-research/electra, model/optimization.py). So the last layer is two away from the heads.

    Args:
      config: model config.

    Returns:
      Ordered dict of beginnings of variable names -> int; each name in the graph of a fine-tuning
      task begins with one of them.

    Raises:
      UserError: the layers of this model share their weights.
    """
    if config.shares_layers:
        raise UserError(
            "--layerwise_lr_decay has no use with {}: layers of a model of the kind {} share their "
            "weights, so these have no depth; leave it out".format(config.source, config.network)
        )
    count = config.num_hidden_layers
    found = collections.OrderedDict()
    for name in ("embeddings/", "embeddings_project/"):
        found["{}/{}".format(config.scope, name)] = count + 2
    for layer in range(count):
        found["{}/encoder/layer_{}/".format(config.scope, layer)] = count + 1 - layer
    for name in (config.scope + "/pooler/", "task_specific/", *_ROOT_HEADS):
        found[name] = 0
    return found
