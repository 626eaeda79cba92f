"""What lies beside the weights of a model (config, vocabulary, settings of texts): taken where no
flags name it, and compared where flags do."""

import os

from absl import flags

from cli import run_flags
from common import files
from common.errors import UserError
from common.log import log, warn
from data.text import simplification
from data.tokenizers import text_settings
from data.tokenizers.vocabularies import is_cased, read_vocabulary
from modeling import checkpoint
from modeling.config_families import read_config
from modeling.conversion import huggingface
from training import model_files
from training.checkpoints import recovery
from training.failures import output_errors
from training.records.manifest_agreement import texts_of_records

FLAGS = flags.FLAGS


def folders_of(weights):
    """The folders in which the files of a model may lie, the first choice first.

    Args:
      weights: a checkpoint's prefix, a Hugging Face directory, or None.
    """
    if not weights:
        return []
    if huggingface.is_directory(weights):
        return [weights]
    folder = os.path.dirname(weights) or "."
    is_best = os.path.basename(folder) == recovery.BEST_FOLDER
    return [folder, os.path.dirname(folder) or "."] if is_best else [folder]


def is_asked_of(weights, output_dir=None):
    """Whether a model's files may lie beside its weights, before any is looked for.

    Args:
      weights: --init_checkpoint or None.
      output_dir: of a training that may be resumed, or None.
    """
    return bool(weights) or bool(output_dir and files.exists(output_dir))


def settle(weights, output_dir=None, needed=("config_file", "vocab_file")):
    """Gives flags that are not given the files that lie beside the weights.

    Args:
      weights: what run_flags.initial_checkpoint returned.
      output_dir: of a training, whose checkpoints come first; None: of none.
      needed: names of those flags.

    Returns:
      List of the folders that were looked into.

    Raises:
      UserError: a flag is not given, and no file is there.
    """
    resumed = output_dir and files.exists(output_dir) and checkpoint.latest(output_dir)
    folders = folders_of(resumed) + folders_of(weights)
    for flag, find, compare in (
        ("config_file", model_files.find_configs, _compare_configs),
        ("vocab_file", model_files.find_vocabularies, _compare_vocabularies),
    ):
        if flag not in needed:
            continue
        given, found = FLAGS[flag].value, find(folders)
        if given and found and os.path.abspath(given) not in map(os.path.abspath, found):
            compare(given, found)
        elif not given and found:
            setattr(FLAGS, flag, found[0])
            log("--{}={}, beside the weights".format(flag, found[0]))
        elif not given:
            where = "; none, or more than one, lies in {}".format(" or ".join(folders))
            raise UserError("--{} is required{}".format(flag, where if folders else ""))
    return folders


def config_beside(prefix, name):
    """Path of the model config beside a checkpoint.

    Args:
      prefix: of the checkpoint.
      name: its usual name, which is taken first.

    Raises:
      UserError: there is none, or more than one.
    """
    folders = folders_of(prefix)
    named = [os.path.join(folder, name) for folder in folders]
    found = [*filter(files.exists, named), *model_files.find_configs(folders)]
    if not found:
        where = " or ".join(folders)
        raise UserError("--config_file is required; none, or more than one, lies in " + where)
    log("--config_file={}, beside the weights".format(found[0]))
    return found[0]


def take_other_config(folders):
    """Gives --config_file the other config beside the weights, of a checkpoint with two networks.

    Returns:
      Whether there is one, and the flag was not given.
    """
    others = [path for path in model_files.find_configs(folders) if path != FLAGS.config_file]
    if FLAGS["config_file"].present or len(others) != 1:
        return False
    FLAGS.config_file = others[0]
    log("--config_file={}, beside the weights".format(others[0]))
    return True


def define_text_flags(default):
    """--normalize_quotes and --t2s of programs that read texts for a model.

    Args:
      default: where --do_lower_case comes from if it is not given, for the help.
    """
    flags.DEFINE_bool(
        "normalize_quotes",
        None,
        "Read quotes, dashes and … as ASCII, as create_pretraining_data.py does by that name. "
        "Default: {}.".format(default),
    )
    flags.DEFINE_bool(
        "t2s",
        None,
        "Read traditional characters as simplified ones, as create_pretraining_data.py does by "
        "that name (pip: opencc). Default: {}.".format(default),
    )


def settle_texts(vocabulary, folders, saved=None):
    """choose_texts for --do_lower_case, --normalize_quotes and --t2s."""
    given = FLAGS.do_lower_case, FLAGS.normalize_quotes, FLAGS.t2s
    return choose_texts(vocabulary, folders, saved, *given)


def choose_texts(vocabulary, folders, saved=None, lower=None, quotes=None, t2s=None):
    """The TextSettings of a model; logs where they come from.

    Args:
      vocabulary: of the model.
      folders: of the model, see folders_of.
      saved: entry of the model's task.json, None or {} without one.
      lower, quotes, t2s: what the user gave, or None.

    Returns:
      text_settings.TextSettings.

    Raises:
      UserError: OpenCC is not installed, and needed.
    """
    stated = text_settings.stated_in(folders)
    known = stated.settings._asdict() if stated else {}
    known.update({name: v for name, v in (saved or {}).items() if v is not None})
    lower = known.get(text_settings.LOWER_CASE) if lower is None else lower
    quotes = known.get(text_settings.QUOTES) if quotes is None else quotes
    is_said = not (lower is None and vocabulary.beside.lower_case is None)
    lower = run_flags.settle_lower_case(vocabulary, lower)
    if lower and not is_said and is_cased(vocabulary):
        warn(
            "many rows of {} have capital letters, but text is lower-cased; if the model was "
            "trained with them, give --do_lower_case=false".format(vocabulary.path)
        )
    if quotes is None:
        quotes = vocabulary.beside.normalize_quotes
    t2s = known.get(text_settings.SIMPLIFIED) if t2s is None else t2s
    if t2s is None:
        t2s = vocabulary.beside.t2s
    chosen = text_settings.TextSettings(lower, bool(quotes), bool(t2s))
    if chosen.t2s:
        simplification.check_library()
    # What the vocabulary's own folder says of lower case was compared above.
    has_own = stated and vocabulary.beside.source == stated.path
    _log_texts(chosen, stated, chosen._fields[1:] if has_own else chosen._fields)
    return chosen


def _log_texts(chosen, stated, compared):
    """Says what is done to texts, and warns of what differs from the folder's settings, by the
    names `compared`."""
    if chosen.normalize_quotes:
        log("quotes, dashes and ellipses are read as their ASCII forms (--normalize_quotes)")
    if chosen.t2s:
        log("traditional characters are read as simplified ones (--t2s)")
    for name in compared if stated else ():
        value, said = getattr(chosen, name), getattr(stated.settings, name)
        if said != value:
            warn(
                "{} is {} in {}, but here it is {}".format(
                    name, str(said).lower(), stated.path, str(value).lower()
                )
            )


def _read_found(read, path):
    """What `read` gives of a file that is there, but was not asked for; None where it is damaged,
    which is said."""
    try:
        return read(path)
    except UserError as error:
        log("note: not compared with what is used in its place: {}".format(error))
        return None


def _compare_configs(given, found):
    """Warns where a given config is none of those beside the weights."""
    config = read_config(given, FLAGS.gelu)
    mine, sentences = dict(config.to_dict(), hidden_act=config.activation), []
    for path in found:
        other = _read_found(read_config, path)
        theirs = dict(other.to_dict(), hidden_act=other.activation) if other else {}
        differing = [name for name in mine if name in theirs and mine[name] != theirs[name]]
        if not differing:
            return
        values = ["{} {}, not {}".format(name, mine[name], theirs[name]) for name in differing]
        text = "--config_file={} differs from {}, beside the weights: {}"
        sentences.append(text.format(given, path, ", ".join(values)))
    warn(sentences[0])


def _compare_vocabularies(given, found):
    """Warns where a given vocabulary is not what lies beside the weights."""
    vocabulary, other = read_vocabulary(given), _read_found(read_vocabulary, found[0])
    if other and vocabulary.sha256 != other.sha256:
        text = "--vocab_file={} is another vocabulary than {}, beside the weights"
        warn(text.format(given, found[0]))


def write_trained(run, manifests):
    """Writes config, vocabulary and settings of texts beside the checkpoints of a pre-training, as
    far as its records tell them; says what they do not tell.

    Args:
      run: training.run.Run.
      manifests: {path: manifest} of its records.

    Raises:
      UserError: --vocab_file is damaged, or not the records'; a file cannot be written.
    """
    folders = folders_of(run.config.init_checkpoint)
    texts, stated = texts_of_records(manifests), text_settings.stated_in(folders)
    if texts and stated and texts != stated.settings:
        warn(
            "the records' texts were prepared with {}, those of the model in {} with {}".format(
                texts.shown(), stated.path, stated.settings.shown()
            )
        )
    vocabulary = _vocabulary_of_records(run.config.records["vocab_sha256"], manifests, folders)
    output_dir = run.config.output_dir
    with output_errors(output_dir):
        files.make_directories(output_dir)
        networks = run.objective.networks(run.model_config)
        model_files.write(output_dir, networks, vocabulary, texts)


def _vocabulary_of_records(digest, manifests, folders):
    """The vocabulary of records, None where it was not found.

    Args:
      digest: its SHA-256 by the manifests; None: they do not say.
      manifests: {path: manifest} of the records.
      folders: where the model may have it.
    """
    if FLAGS.vocab_file:
        vocabulary = read_vocabulary(FLAGS.vocab_file)
        if digest in (None, vocabulary.sha256):
            return vocabulary
        raise UserError(
            "--vocab_file={} is not the vocabulary of the records (SHA-256 {}..., by their "
            "manifest {}...)".format(FLAGS.vocab_file, vocabulary.sha256[:12], digest[:12])
        )
    named = [manifest.get("flags", {}).get("vocab_file") for manifest in manifests.values()]
    for path in dict.fromkeys(filter(None, [*named, *model_files.find_vocabularies(folders)])):
        if digest and not files.is_remote(path) and files.exists(path):
            vocabulary = read_vocabulary(path)
            if vocabulary.sha256 == digest:
                return vocabulary
    log("no vocabulary is written beside the checkpoints; name the records' as --vocab_file")
    return None
