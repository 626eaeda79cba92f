"""Predicts with a trained model from lines of text: words for masks, tags, vectors, classes,
entities, answers to questions.

echo '今天天气真[MASK]。' | python run_prediction.py --task=fill_mask --vocab_file=vocab.txt \\
    --config_file=bert_config.json --init_checkpoint=bert_model.ckpt
"""

import contextlib
import sys

from cli.start import watched_imports

with watched_imports():
    from absl import flags

    from cli import model_folder, original_names, run_flags
    from cli.app import prepare_tensorflow, require, run_script
    from cli.distillation import teach_flags
    from cli.help import topics
    from common.errors import UserError
    from common.log import log, log_lines
    from finetuning.kinds.multi_label_options import MultiLabelOptions
    from finetuning.task_file import check_vocabulary
    from modeling import checkpoint
    from modeling.conversion import huggingface
    from prediction.features import FORMATS, PLAIN, POOLINGS
    from prediction.lines import (
        ResultFile,
        check_beginning,
        check_different,
        count_lines,
        read_lines,
    )
    from prediction.prediction_task import TaskSetup, predict_lines
    from prediction.predictor import Predictor, session_config
    from prediction.registry import PREDICTION_TASKS, get_prediction_task
    from prediction.tags import WORDS_BY
    from training.devices import this_machine

FLAGS = flags.FLAGS

topics.lead(
    ("task", "init_checkpoint"),
    (
        "config_file",
        "vocab_file",
        "input_file",
        "output_file",
        "task_name",
        "max_seq_length",
        "top_k",
        "precision",
    ),
)
topics.begin("Input and output")
TASKS = (*PREDICTION_TASKS, teach_flags.NAME)
flags.DEFINE_string("task", None, "What to predict: {}.".format(", ".join(TASKS)))
flags.DEFINE_string(
    "input_file",
    None,
    "Texts, one a line, UTF-8, compressed if .gz or .bz2; classify takes pairs with a tab between, "
    "answer objects of question and context as JSON, choose of question and choices. Default, or "
    "-: standard input.",
)
flags.DEFINE_string(
    "output_file",
    None,
    "Results, a line of JSON for each line of input. Default, or -: standard output.",
)
run_flags.define_model_flags()
run_flags.define_numerics_flags()
for module in (run_flags, model_folder):
    flags.adopt_module_key_flags(module)
topics.begin("Model")
flags.DEFINE_string(
    "task_name",
    None,
    "Task to predict, of a checkpoint that was fine-tuned for several at once; in any spelling "
    "that run_finetuning.py takes.",
)
flags.DEFINE_string(
    "vocab_file", None, "Vocabulary of the model: vocab.txt, or a SentencePiece model."
)
original_names.define_spm_model_file()
flags.DEFINE_bool(
    "do_lower_case",
    None,
    "Lower-case the text. Default: task.json's where there is one, else true.",
)
model_folder.define_text_flags("as in training, where it says so, else false")
flags.DEFINE_integer(
    "max_seq_length",
    None,
    "Most tokens of a row. Default: task.json's where there is one, else 128.",
)
topics.begin("Precision and speed")
flags.DEFINE_integer("predict_batch_size", 32, "Rows computed at a time.")
original_names.add_names("predict_batch_size", "batch_size")
topics.begin("--task=fill_mask, --task=answer")
flags.DEFINE_integer(
    "top_k", 5, "Number of tokens and words to name for a mask, or of answers to a question."
)
topics.begin("--task=correct")
flags.DEFINE_float(
    "min_probability", 0.5, "Least probability of a piece that replaces one of the text."
)
topics.begin("--task=positions")
flags.DEFINE_float(
    "moved_share", 0.12, "Share of the tokens that are out of place, as far as you know."
)
topics.begin("--task=classify")
flags.DEFINE_float(
    "decision_threshold",
    None,
    "Least probability of a label, where a text may have any number of them. Default: the "
    "training's, else 0.5.",
)
topics.begin("--task=answer")
flags.DEFINE_float(
    "null_score_diff_threshold",
    None,
    "Margin by which no answer must be likelier than the best one, where questions may have none. "
    "Default: the training's, else 0.",
)
topics.begin("--task=features")
flags.DEFINE_list(
    "layers",
    None,
    "Layers to write: 1 the first and -1 the last, 0 the embeddings; default -1. In google's "
    "format 0 is the first, the default -1,-2,-3,-4.",
)
flags.DEFINE_string(
    "features_format",
    PLAIN,
    "Format of the vectors: {}; google reads and writes what extract_features.py of "
    "google-research/bert does.".format(", ".join(FORMATS)),
)
flags.DEFINE_string(
    "pooling",
    "none",
    "Way to make one vector of a line's: {}; none: a vector for each token.".format(
        ", ".join(POOLINGS)
    ),
)
topics.begin("--task=tags")
flags.DEFINE_enum("segmenter", "rjieba", WORDS_BY, "Word segmenter of lines without [MASK].")
original_names.add_names("segmenter", "words_by")
teach_flags.define()

DEFAULT_SEQ_LENGTH = 128
MIN_SEQ_LENGTH = 3


def main(argv):
    """Runs the prediction task of the flags."""
    del argv
    prepare_tensorflow()
    task_class = check_flags()
    if FLAGS.task == teach_flags.NAME:
        teach_flags.main()
        return
    check_beginning(FLAGS.input_file)
    results = ResultFile(FLAGS.output_file)
    # Standard output holds nothing but results where they go there.
    log_stream = sys.stderr if results.is_stream else sys.stdout
    with results, contextlib.redirect_stdout(log_stream):
        path = run_flags.initial_checkpoint()
        task = make_task(task_class, path)
        log(task.config.describe_activation())
        log_lines([this_machine.describe(session_config=session_config())])
        numerics = run_flags.settle_numerics()
        with Predictor(task.config, task, path, FLAGS.predict_batch_size, numerics) as predictor:
            task.start(predictor)
            total = count_lines(FLAGS.input_file)
            predict_lines(task, read_lines(FLAGS.input_file), results, total)


def check_flags():
    """Refuses wrong flags before any file is opened.

    Returns:
      The class of the prediction task; None of the one that reads records.

    Raises:
      UserError: naming the flag.
    """
    original_names.take_original_names()
    require(FLAGS, "task")
    is_teacher = FLAGS.task == teach_flags.NAME
    task_class = None if is_teacher else get_prediction_task(FLAGS.task)
    require(FLAGS, "init_checkpoint")
    run_flags.check_numbers(positive=("predict_batch_size", "top_k"))
    if FLAGS.max_seq_length is not None and FLAGS.max_seq_length < MIN_SEQ_LENGTH:
        raise UserError(
            "--max_seq_length={} leaves no room for a token between [CLS] and [SEP]; it must be "
            "at least {}".format(FLAGS.max_seq_length, MIN_SEQ_LENGTH)
        )
    if not 0.0 <= FLAGS.min_probability <= 1.0:
        raise UserError(
            "--min_probability must be from 0 to 1, found {}".format(FLAGS.min_probability)
        )
    if not 0.0 < FLAGS.moved_share < 1.0:
        raise UserError("--moved_share={} must lie between 0 and 1".format(FLAGS.moved_share))
    if FLAGS.decision_threshold is not None:
        MultiLabelOptions(decision_threshold=FLAGS.decision_threshold).check_values()
    options = {
        name: {*other.options, *other.saved_options} for name, other in PREDICTION_TASKS.items()
    }
    options[teach_flags.NAME] = set(teach_flags.OPTIONS)
    for option in sorted(set().union(*options.values()) - options[FLAGS.task]):
        if FLAGS[option].present:
            owners = [name for name, of_task in options.items() if option in of_task]
            raise UserError(
                "--{} is for --task={} and has no meaning for --task={}; remove it".format(
                    FLAGS[option].name, " or --task=".join(owners), FLAGS.task
                )
            )
    if is_teacher:
        teach_flags.check()
    else:
        check_different(FLAGS.input_file, FLAGS.output_file)
    return task_class


def make_task(task_class, path):
    """The prediction task for the weights `path`.

    Raises:
      UserError: config, vocabulary and flags do not fit together.
    """
    folders = model_folder.settle(path)
    shapes = () if huggingface.is_directory(path) else checkpoint.read_shapes(path)
    config = run_flags.read_model_config(FLAGS.max_seq_length or 0, path)
    try:
        config = task_class.network(config, shapes, path)
    except UserError:
        if not model_folder.take_other_config(folders):
            raise
        config = run_flags.read_model_config(FLAGS.max_seq_length or 0, path)
        config = task_class.network(config, shapes, path)
    chosen = {name: getattr(FLAGS, name) for name in task_class.saved_options}
    saved = task_class.saved_settings(path, **chosen)
    length = FLAGS.max_seq_length or min(
        saved.get("max_seq_length", DEFAULT_SEQ_LENGTH), config.max_position_embeddings
    )
    vocabulary = run_flags.read_vocabulary(config)
    check_vocabulary(saved, vocabulary, path)
    texts = model_folder.settle_texts(vocabulary, folders, saved)
    case = "lower case" if texts.do_lower_case else "cased"
    log("rows of up to {} tokens, {}".format(length, case))
    tokenizer = texts.make_tokenizer(vocabulary)
    options = {name: getattr(FLAGS, name) for name in task_class.options}
    return task_class(TaskSetup(config, tokenizer, length, saved), **options)


if __name__ == "__main__":
    run_script(main)
