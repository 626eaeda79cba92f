"""The model of a pre-training: its config, and the layers that it takes from a checkpoint."""

from absl import flags

from cli import pretraining_hparams, run_flags
from common.errors import UserError
from common.log import log
from common.validation import is_written_count

FLAGS = flags.FLAGS


def model_config(hparams, init_checkpoint):
    """Model config from --config_file, or else from ELECTRA's hyperparameters.

    Args:
      hparams: what apply_preset returned.
      init_checkpoint: what run_flags.initial_checkpoint returned.

    Raises:
      UserError: it makes no model, or the table of positions is too short.
    """
    if hparams is None or FLAGS.config_file:
        overridden = pretraining_hparams.model_keys(hparams[0]) if hparams else ()
        if overridden:
            log(
                "{} overridden by the command line: {} (by --config_file={})".format(
                    hparams[1], ", ".join(overridden), FLAGS.config_file
                )
            )
        return run_flags.read_model_config(FLAGS.max_seq_length, init_checkpoint)
    config = pretraining_hparams.model_config(*hparams, gelu=FLAGS.gelu)
    run_flags.check_length(config, FLAGS.max_seq_length)
    return config


def parse_layers(model_config):
    """--init_layers as a list of ints, or None.

    Raises:
      UserError: it is no list of numbers, one for each layer of the model.
    """
    if not FLAGS.init_layers:
        return None
    if not all(is_written_count(layer.strip()) for layer in FLAGS.init_layers):
        raise UserError(
            "--init_layers={} must be layer numbers with commas, as 0,1,2".format(
                ",".join(FLAGS.init_layers)
            )
        )
    if model_config.shares_layers:
        raise UserError(
            "--init_layers cannot be combined with config {}: its layers share their weights, "
            "whatever their number; remove it".format(model_config.source)
        )
    layers = [int(layer) for layer in FLAGS.init_layers]
    if len(layers) != model_config.num_hidden_layers:
        raise UserError(
            "--init_layers names {} layers, but num_hidden_layers in {} is {}".format(
                len(layers), model_config.source, model_config.num_hidden_layers
            )
        )
    return layers
