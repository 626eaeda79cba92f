"""Layer-wise learning rates (Clark et al. 2020, arXiv 2003.10555, appendix B)."""

from common.errors import UserError


def is_layerwise(decay):
    """Whether learning rates differ between layers: `decay` is neither None nor 1."""
    return decay not in (None, 1.0)


def rate_factor(decay, layers):
    """Factors of the variables' rates: `decay` to the power of the distance from the heads.

    Args:
      decay: float; None or 1: rates are not layer-wise.
      layers: ordered dict of variable-name prefixes -> int, their distance; ignored where rates are
        not layer-wise.

    Returns:
      function of a variable's name -> float, which raises UserError for a name without a distance;
      None where rates are not layer-wise.

    Raises:
      ValueError: rates are layer-wise and no distances are given.
    """
    if not is_layerwise(decay):
        return None
    if not layers:
        raise ValueError("layer-wise learning rates need the layers' distances")

    def factor(name):
        distance = next((d for start, d in layers.items() if name.startswith(start)), None)
        if distance is None:
            raise UserError(
                "--layerwise_lr_decay={}: variable {} is in none of the layers {}; remove the "
                "flag".format(decay, name, ", ".join(layers))
            )
        return decay**distance

    return factor
