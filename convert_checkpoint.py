"""Converts TensorFlow checkpoints to Hugging Face directories and back, and makes release folders.

python convert_checkpoint.py --tf_checkpoint_path=bert_model.ckpt --config_file=bert_config.json \
    --vocab_file=vocab.txt --pytorch_dump_path=hf
python convert_checkpoint.py --from_pytorch=hf --tf_dump_path=tf/bert_model.ckpt
python convert_checkpoint.py --tf_checkpoint_path=out --config_file=bert_config.json \
    --strip_optimizer=release
"""

import codecs
import collections
import os

# Before TensorFlow is imported: its start-up messages are no concern of the user.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow.compat.v1 as tf
from absl import flags

from data import files as data_files
from data import tokenizer_files
from data.tokenization import Vocabulary, WordPieceTokenizer
from errors import UserError, require, run_script
from finetuning import task_file
from modeling import checkpoint
from modeling.config import GELU_CHOICES, BertConfig
from modeling.conversion import (
    export,
    families,
    folders,
    huggingface,
    parity,
    sources,
)
from training.log import log, warn

FLAGS = flags.FLAGS

flags.DEFINE_string(
    "tf_checkpoint_path", None, "Checkpoint to convert: a prefix, an .index file or a directory."
)
flags.DEFINE_string("config_file", None, "JSON file with the sizes of --tf_checkpoint_path.")
flags.DEFINE_string(
    "pytorch_dump_path",
    None,
    "Directory to write for Hugging Face; a name that ends in .bin is a weights file there.",
)
flags.DEFINE_string(
    "vocab_file", None, "vocab.txt; default: the one beside the checkpoint or its config."
)
flags.DEFINE_bool(
    "do_lower_case", None, "As the model was trained; default: as task.json says, else true."
)
flags.DEFINE_string(
    "head",
    sources.AUTO,
    "Head to convert: {}; auto takes the first that is there.".format(
        ", ".join(families.BERT.heads)
    ),
)
flags.DEFINE_enum("gelu", "auto", GELU_CHOICES, "What hidden_act gelu means; auto is erf for BERT.")
flags.DEFINE_string("from_pytorch", None, "Hugging Face directory to convert.")
flags.DEFINE_string("tf_dump_path", None, "Prefix of the TensorFlow checkpoint to write.")
flags.DEFINE_string(
    "strip_optimizer", None, "Directory for a copy without the optimizer's state and the step."
)

RELEASE_NAME = "bert_model.ckpt"


def main(argv):
    """Runs what the flags ask for."""
    del argv
    # TensorFlow's warnings are about its own deprecations.
    tf.logging.set_verbosity(tf.logging.ERROR)
    tf.disable_v2_behavior()
    DIRECTIONS[check_flags()].run()


def check_flags():
    """Refuses flags that do not go together, before any file is opened.

    Returns:
      Key of DIRECTIONS.

    Raises:
      UserError: naming the flag.
    """
    chosen = [name for name in DIRECTIONS if getattr(FLAGS, name)]
    names = ["--" + name for name in DIRECTIONS]
    if not chosen:
        raise UserError("nothing to do; give {} or {}".format(", ".join(names[:-1]), names[-1]))
    if len(chosen) > 1:
        raise UserError("--{} and --{} exclude each other; give one".format(*chosen[:2]))
    direction = DIRECTIONS[chosen[0]]
    require(FLAGS, *direction.needs)
    for name in {n for d in DIRECTIONS.values() for n in d.needs + d.takes}:
        if FLAGS[name].present and name not in direction.needs + direction.takes:
            raise UserError("--{} does not go with --{}; leave it out".format(name, chosen[0]))
    return chosen[0]


def to_hugging_face():
    """TensorFlow checkpoint -> Hugging Face directory.

    Raises:
      UserError: something is not there, does not fit, or comes out otherwise.
    """
    folder, weights = split_target(FLAGS.pytorch_dump_path)
    parity.require_packages()
    source = open_source()
    selection = sources.select(source, FLAGS.head)
    task = read_task(source, selection)
    vocabulary = find_vocabulary(source)
    log("{}: {}".format(selection.architecture.name, source.config.describe_activation()))
    for line in sources.left_out_lines(source, selection):
        log(line)
    with folders.staged(folder) as scratch:
        values = export.hugging_face_config(
            source, selection, vocabulary.pad if vocabulary else 0, task.get("labels")
        )
        export.write_json(os.path.join(scratch, export.CONFIG), values)
        export.write_weights(
            os.path.join(scratch, weights),
            source.family.names,
            sources.read_variables(source, selection),
            bare=selection.architecture == source.family.architectures[-1],
        )
        for aside, tensors in sources.read_asides(source, selection):
            export.write_aside(scratch, aside, tensors)
            log("beside the model, in {}: {}".format(aside.file, aside.what))
        check_parity(source, selection, scratch, weights, "report it with the config")
        if vocabulary:
            write_tokenizer(scratch, vocabulary, source.config, do_lower_case(task))
        else:
            log("no vocab.txt was found, so no tokenizer files are written; name it: --vocab_file")
        copy_task(task_file.path_beside(source.prefix) if task else None, scratch)
        publish(scratch, folder)
    warn_of_other_weights(folder, weights)


def to_tensorflow():
    """Hugging Face directory -> TensorFlow checkpoint.

    Raises:
      UserError: something is not there, does not fit, or comes out otherwise.
    """
    prefix = FLAGS.tf_dump_path
    folder, base = os.path.split(prefix)
    folders.check("--tf_dump_path=" + prefix, folder)
    if not base or tf.io.gfile.isdir(prefix):
        raise UserError(
            "--tf_dump_path={} is a directory; give the checkpoint's prefix in it, as {}".format(
                prefix, os.path.join(prefix, RELEASE_NAME)
            )
        )
    path = FLAGS.from_pytorch
    if os.path.abspath(folder) == os.path.abspath(path):
        raise UserError(
            "--tf_dump_path={} lies in the directory of --from_pytorch; give another one".format(
                prefix
            )
        )
    parity.require_packages()
    with folders.staged(folder) as scratch:
        report = huggingface.import_checkpoint(path, os.path.join(scratch, base))
        for is_warning, line in report._replace(prefix=prefix).lines():
            (warn if is_warning else log)(line)
        config_file = huggingface.config_file(path)
        config = export.original_config(config_file)
        source = sources.open_checkpoint(
            report.prefix, config, families.of_checkpoint(path, report.written), shown=path
        )
        selection = sources.everything(source)
        hint = "look in {} for settings that Quanci does not have".format(config_file)
        check_parity(source, selection, path, None, hint)
        export.write_json(os.path.join(scratch, export.ORIGINAL_CONFIG), config.to_dict())
        copy_vocabulary(os.path.join(path, tokenizer_files.VOCABULARY), scratch)
        copy_task(task_file.path_beside(os.path.join(path, "")), scratch)
        publish(scratch, folder)


def strip():
    """Checkpoint of a training run -> release folder.

    Raises:
      UserError: something is not there, or the folder is the checkpoint's own.
    """
    folder = FLAGS.strip_optimizer.rstrip("/") or "/"
    folders.check("--strip_optimizer=" + folder, folder)
    source = open_source()
    if os.path.abspath(source.prefix) == os.path.abspath(os.path.join(folder, RELEASE_NAME)):
        raise UserError(
            "--strip_optimizer={} is where {} itself lies; give another directory".format(
                folder, source.prefix
            )
        )
    vocabulary = find_vocabulary(source)
    with folders.staged(folder) as scratch:
        prefix = os.path.join(scratch, RELEASE_NAME)
        huggingface.write_checkpoint(prefix, sources.read_release(source))
        checkpoint.verify(prefix)
        log("left out: {} optimizer slots and counters".format(len(source.plan.training_state)))
        # As it is: its further keys are other programs'.
        copy(FLAGS.config_file, os.path.join(scratch, export.ORIGINAL_CONFIG))
        copy_vocabulary(vocabulary.path if vocabulary else "", scratch)
        copy_task(task_file.path_beside(source.prefix), scratch)
        publish(scratch, folder)


# A direction: the flags that it needs, those that it takes as well, and its function.
Direction = collections.namedtuple("Direction", ["needs", "takes", "run"])
# By the flag that chooses it.
DIRECTIONS = {
    "pytorch_dump_path": Direction(
        ["tf_checkpoint_path", "config_file"],
        ["vocab_file", "do_lower_case", "head", "gelu"],
        to_hugging_face,
    ),
    "from_pytorch": Direction(["tf_dump_path"], [], to_tensorflow),
    "strip_optimizer": Direction(["tf_checkpoint_path", "config_file"], ["vocab_file"], strip),
}


def split_target(path):
    """(directory, weights file name) of --pytorch_dump_path.

    Raises:
      UserError: it is remote, or something else is in the way.
    """
    folder, weights = path.rstrip("/") or "/", export.WEIGHTS
    if path.endswith(".bin"):
        folder, weights = os.path.split(path)
        if os.path.isdir(path):
            raise UserError(
                "--pytorch_dump_path={} is a directory, but names a weights file; give a name in "
                "it".format(path)
            )
    if data_files.is_remote(path):
        raise UserError(
            "--pytorch_dump_path={} must be a local path; copy the directory afterwards".format(
                path
            )
        )
    folders.check("--pytorch_dump_path=" + path, folder)
    return folder, weights


def open_source():
    """Source of --tf_checkpoint_path and --config_file.

    Raises:
      UserError: either is wrong, or one does not belong to the other.
    """
    prefix = checkpoint.resolve(FLAGS.tf_checkpoint_path)
    # The family first: another one's config would give a message of less help.
    family = families.of_checkpoint(prefix, checkpoint.read_shapes(prefix))
    config = BertConfig.from_json_file(FLAGS.config_file, gelu=FLAGS.gelu)
    source = sources.open_checkpoint(prefix, config, family)
    log("checkpoint {}: {} variables".format(prefix, len(source.plan.loaded)))
    return source


def read_task(source, selection):
    """Content of a fine-tuned classifier's task.json, an empty dict where there is none.

    Raises:
      UserError: it is damaged, or its labels are not those of the checkpoint.
    """
    path = task_file.path_beside(source.prefix)
    if "classifier" not in selection.parts or path is None:
        return {}
    return task_file.read(path, "classification", source.num_labels)


def do_lower_case(task):
    """--do_lower_case, or what task.json says."""
    if FLAGS.do_lower_case is not None:
        return FLAGS.do_lower_case
    return bool(task.get("do_lower_case", True))


def find_vocabulary(source):
    """Vocabulary of --vocab_file, or the one that lies beside the checkpoint or the config.

    Returns:
      Vocabulary, None where there is none.

    Raises:
      UserError: it is damaged, or has another size than the model.
    """
    path = FLAGS.vocab_file
    if not path:
        beside = [os.path.dirname(p) for p in (source.prefix, FLAGS.config_file)]
        names = [os.path.join(folder, tokenizer_files.VOCABULARY) for folder in beside]
        local = [name for name in names if not data_files.is_remote(name)]
        path = next((name for name in local if data_files.exists(name)), None)
        if path is None:
            return None
    vocabulary = Vocabulary(path)
    if len(vocabulary) != source.config.vocab_size:
        raise UserError(
            "vocabulary {} has {} tokens, but vocab_size in {} is {}; name the model's own with "
            "--vocab_file".format(
                path, len(vocabulary), source.config.source, source.config.vocab_size
            )
        )
    return vocabulary


def check_parity(source, selection, folder, weights, hint):
    """Computes both sides and shows by how much they differ.

    Raises:
      UserError: by too much.
    """
    differences = parity.compare(source, selection, folder, weights)
    for name, difference in differences.items():
        log("largest difference, {}: {:.2g}".format(name, difference))
    for part in source.family.parts:
        if part.name in selection.parts and part.output not in differences:
            log("copied, but not compared: {}".format(part.output))
    parity.check(differences, hint)


def write_tokenizer(folder, vocabulary, config, lower):
    """Writes the tokenizer's files and shows on how many strings it is ours."""
    copy_vocabulary(vocabulary.path, folder)
    with folders.writing(folder):
        tokenizer_files.write(folder, vocabulary.tokens, lower, config.max_position_embeddings)
    ours = WordPieceTokenizer(vocabulary, lower)
    texts = tokenizer_files.AWKWARD
    theirs = tokenizer_files.encode(folder, texts)
    differing = [t for t, ids in zip(texts, theirs) if ours.tokenize(t).ids.tolist() != ids]
    log(
        "tokenizer (do_lower_case {}): {} of {} strings are tokenised alike".format(
            lower, len(texts) - len(differing), len(texts)
        )
    )
    if differing:
        warn("AutoTokenizer gives other tokens for {!r}".format(differing[0]))


def copy_vocabulary(path, folder):
    """Copies vocab.txt to `folder`, or says that there is none."""
    if path and data_files.exists(path):
        copy(path, os.path.join(folder, tokenizer_files.VOCABULARY))
    else:
        log("no vocab.txt was found, so none is written")


def copy_task(path, folder):
    """Copies a task.json, if there is one (not None): run_prediction.py names classes by it."""
    if path:
        copy(path, os.path.join(folder, task_file.FILE_NAME))


def copy(path, target):
    """Copies a small text file, without the byte order mark that other programs stumble over.

    Raises:
      UserError: it cannot be read or written.
    """
    with folders.writing(target):
        with tf.io.gfile.GFile(path, "rb") as reader:
            content = reader.read()
        if content.startswith(codecs.BOM_UTF8):
            content = content[len(codecs.BOM_UTF8) :]
        with tf.io.gfile.GFile(target, "wb") as writer:
            writer.write(content)


def publish(scratch, folder):
    """Moves what was written to its place and says what it is."""
    names = sorted(tf.io.gfile.listdir(scratch))
    with folders.writing(folder or "."):
        folders.publish(scratch, folder)
    log("written to {}: {}".format(folder or ".", ", ".join(names)))


def warn_of_other_weights(folder, weights):
    """Says when transformers would read another file of the directory than the one written."""
    for name in huggingface.WEIGHTS:
        if name == weights:
            return
        if os.path.exists(os.path.join(folder, name)):
            warn(
                "transformers reads {} in {} before {}; remove what is old".format(
                    name, folder, weights
                )
            )
            return


if __name__ == "__main__":
    run_script(main)
