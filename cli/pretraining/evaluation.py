"""The flags of run_pretraining.py on evaluations and predictions, and what follows from them."""

from absl import flags

from cli.help import topics
from common import files
from common.errors import UserError
from common.log import log
from training.records import evaluation_sets

FLAGS = flags.FLAGS
flags.disclaim_key_flags()

PREDICTIONS_FILE = "predictions.jsonl"
# Batches of the records trained on that are evaluated where no flag says how many.
TRAINED_BATCHES = 100


def define():
    """The flags, under a topic of their own."""
    topics.begin("Evaluation and prediction")
    flags.DEFINE_bool("do_eval", False, "Evaluate; after training, if that is asked for, too.")
    flags.DEFINE_integer("eval_batch_size", 8, "Rows in a batch of evaluation.")
    flags.DEFINE_integer(
        "max_eval_steps",
        None,
        "Most batches in an evaluation, of each set; default: all, and {} of the records that are "
        "trained on.".format(TRAINED_BATCHES),
    )
    flags.DEFINE_list(
        "compare",
        None,
        "Compare two evaluations of the same rows, and do nothing else: --compare A B, output "
        "folders or eval_results.txt files.",
    )
    flags.DEFINE_bool(
        "do_predict",
        False,
        "Predict the tags of masked places by LERT's heads, into output_dir/{}: of --eval_file, "
        "else of --input_file.".format(PREDICTIONS_FILE),
    )


def settle_eval_file():
    """Takes --eval_file beside --do_train for a wish for evaluations.

    Raises:
      UserError: nothing would read it.
    """
    if not FLAGS.eval_file or FLAGS.do_eval or FLAGS.do_predict:
        return
    if FLAGS["do_eval"].present:
        raise UserError("--eval_file is not read with --do_eval=false; remove one of them")
    FLAGS.do_eval = True
    log("--eval_file is given, so the training is evaluated on it (--do_eval)")


def check_eval_file():
    """Looks for the local files of --eval_file.

    Raises:
      UserError: see evaluation_sets.find.
    """
    if FLAGS.eval_file and not files.is_remote(FLAGS.eval_file):
        evaluation_sets.find(FLAGS.eval_file)


def max_eval_steps():
    """Most batches in an evaluation, None: all."""
    if FLAGS.max_eval_steps is None and FLAGS.do_train and not FLAGS.eval_file:
        return TRAINED_BATCHES
    return FLAGS.max_eval_steps
