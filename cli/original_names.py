"""Flags that have several names.

Flags of google-research/albert, brightmart/albert_zh and CLUE that have other names here, and mean
something of their own beside: a program defines them beside the flags that they stand for, and
calls `take_original_names` before it reads those.

Names that mean the very same are added to a flag by `add_names`. absl's own aliases are of no use:
the flag that one stands for keeps `using_default_value`, so that a preset would win over the
command line.

Imports no TensorFlow: see corpus_flags.
"""

from absl import flags

from cli.help import topics
from common.errors import UserError
from common.log import log
from data.tokenizers.vocabulary_file import SENTENCEPIECE, kind_of, read_vocabulary_file

FLAGS = flags.FLAGS

flags.disclaim_key_flags()


def add_names(name, *others):
    """Gives the flag `name` other names, on the command line, in presets and for getattr."""
    for other in others:
        FLAGS[other] = FLAGS[name]


def refuse_several_names(words):
    """Refuses a flag that is given twice under different names: one of the values would be lost.

    Args:
      words: of the command line.

    Raises:
      UserError: naming both.
    """
    given = {}
    for word in words:
        name = word.lstrip("-").split("=", 1)[0] if word.startswith("-") else ""
        if name in FLAGS:
            earlier = given.setdefault(id(FLAGS[name]), name)
            if earlier != name:
                raise UserError(
                    "--{} and --{} are two names of one flag; remove one".format(earlier, name)
                )


def define_albert_config_file():
    """--albert_config_file, beside --config_file."""
    flags.DEFINE_string(
        "albert_config_file", None, "Google-research/albert's name for --config_file."
    )
    topics.place(topics.OTHER_NAMES, "albert_config_file")


def define_spm_model_file():
    """--spm_model_file, beside --vocab_file."""
    flags.DEFINE_string(
        "spm_model_file",
        None,
        "Google-research/albert's name for a --vocab_file that is a SentencePiece model.",
    )
    topics.place(topics.OTHER_NAMES, "spm_model_file")


def define_non_chinese():
    """--non_chinese, beside --segmenter."""
    flags.DEFINE_bool("non_chinese", False, "Brightmart/albert_zh's name for --segmenter=none.")
    topics.place(topics.OTHER_NAMES, "non_chinese")


# CLUE's PyTorch programs for reading comprehension, run_mrc.py and those beside it: flag -> (the
# one that means the same here, how it is defined).
_READING = {
    "lr": ("learning_rate", flags.DEFINE_float),
    "n_batch": ("train_batch_size", flags.DEFINE_integer),
    "train_epochs": ("num_train_epochs", flags.DEFINE_float),
    "warmup_rate": ("warmup_proportion", flags.DEFINE_float),
    "max_ans_length": ("max_answer_length", flags.DEFINE_integer),
    "n_best": ("n_best_size", flags.DEFINE_integer),
    "init_restore_dir": ("init_checkpoint", flags.DEFINE_string),
    "checkpoint_dir": ("output_dir", flags.DEFINE_string),
    "test_file": ("predict_file", flags.DEFINE_string),
}
_ROWS = "names a file of rows, which lie in --output_dir here; remove it"
_ANSWERS = "names answers, which are read beside --train_file and --predict_file ({}); remove it"
# Those of the same programs that nothing here means.
_READING_REFUSED = {
    **dict.fromkeys(
        ("train_dir", "dev_dir1", "dev_dir2", "test_dir1", "test_dir2", "input_dir"), _ROWS
    ),
    "train_ans_file": _ANSWERS.format("train_answer.json of train.json"),
    "predict_ans_file": _ANSWERS.format("dev_answer.json of dev.json"),
    "gpu_ids": "is said by CUDA_VISIBLE_DEVICES in the environment, and --distribution=mirrored "
    "takes all GPUs; remove it",
    "float16": "has no counterpart in fine-tuning, which is in single precision; remove it",
    "eval_epochs": "is said by --save_checkpoints_steps, in updates; remove it",
}


def define_reading_names():
    """The flags of CLUE's programs for reading comprehension, beside those of run_finetuning.py."""
    for original, (name, define) in _READING.items():
        define(original, None, "CLUE's name (run_mrc.py) for --{}.".format(name))
    topics.place(topics.OTHER_NAMES, *_READING, *_READING_REFUSED)
    for original, reason in _READING_REFUSED.items():
        define = flags.DEFINE_bool if original == "float16" else flags.DEFINE_string
        define(original, None, "Refused, of CLUE's run_mrc.py: it {}.".format(reason))
        flags.register_validator(original, lambda value: value is None, reason)


def take_original_names():
    """Gives the values of the flags of this module to those that mean the same.

    As in the original --spm_model_file decides alone: a --vocab_file beside it, which lists the
    same pieces, is not read, and the log says so.

    Raises:
      UserError: both are given and differ, or --spm_model_file is no SentencePiece model.
    """
    if _given("albert_config_file"):
        _take("albert_config_file", "config_file", FLAGS.albert_config_file)
    if _given("spm_model_file"):
        _take_spm_model_file(FLAGS.spm_model_file)
    if _given("non_chinese"):
        _take("non_chinese", "segmenter", "none")
    for original, (name, _) in _READING.items():
        if original in FLAGS and FLAGS[original].value is not None:
            _take(original, name, FLAGS[original].value)
            FLAGS[name].present += 1  # as if it stood on the command line


def _given(name):
    return name in FLAGS and FLAGS[name].value


def _take_spm_model_file(path):
    if kind_of(path, read_vocabulary_file(path, "--spm_model_file")) != SENTENCEPIECE:
        raise UserError(
            "--spm_model_file={} is no SentencePiece model; a vocab.txt is given as "
            "--vocab_file".format(path)
        )
    if "tokenizer" in FLAGS:
        _take("spm_model_file", "tokenizer", SENTENCEPIECE)
    if FLAGS.vocab_file and FLAGS.vocab_file != path:
        log(
            "--vocab_file={} is not read: --spm_model_file={} holds the pieces and their "
            "numbers".format(FLAGS.vocab_file, path)
        )
    FLAGS.vocab_file = path


def _take(original, name, value):
    """Gives `value` to the flag `name`, for which the flag `original` stands."""
    flag = FLAGS[name]
    if not flag.using_default_value and flag.value != value:
        raise UserError(
            "--{}={} means --{}={}, but --{}={} is given: remove one".format(
                original, FLAGS[original].value, name, value, name, flag.value
            )
        )
    setattr(FLAGS, name, value)
