"""Loading LTP models: directories and names on the hub."""

import contextlib
import functools
import io
import os

from common import files, pytorch
from common.errors import UserError
from data.text.ltp import directory_check
from data.text.ltp.precision import FP32, set_precision

# The packages that LTP's words and tags depend on.
LIBRARIES = ["ltp", "ltp-core", "ltp-extension", "torch", "transformers", "tokenizers"]
_LTP_FILES = ["*.json", "*.bin", "vocab.txt"]


@functools.lru_cache(maxsize=1)
def load_ltp(model, precision=FP32):
    """Loads an LTP model from a directory or the hub.

    Args:
      model: a directory with config.json, or a hub name such as LTP/small.
      precision: see module precision.

    Returns:
      ltp.LTP.

    Raises:
      UserError: no such directory, not an LTP model, the hub cannot be reached, or it has no such
        precision.
    """
    path = local_ltp_directory(model) or _fetch_ltp(model)
    # transformers must not import TensorFlow, and small matrices and short texts lose time on many
    # threads.
    os.environ.setdefault("USE_TF", "0")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # LTP leaves it to PyTorch whether a weights file may hold programs, and older ones allow it.
    os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    try:
        pytorch.keep_triton_out()
        directory_check.check_directory(path)
        from ltp import LTP

        with contextlib.redirect_stdout(io.StringIO()):  # it prints that it loads
            ltp = LTP(path)
        _complete_tokenizer(ltp)
    except Exception as error:  # the package raises whatever its parts raise
        raise UserError(
            "LTP model {} cannot be loaded: {} (--ltp_model)".format(
                model, _in_short(error) or type(error).__name__
            )
        ) from None
    set_precision(ltp, precision, model)
    return ltp


def _complete_tokenizer(ltp):
    """Gives a neural model's tokenizer the method that LTP calls, and that transformers 5 lacks: a
    call of the tokenizer does the same."""
    tokenizer = getattr(ltp, "tokenizer", None)
    if tokenizer is not None and not hasattr(tokenizer, "batch_encode_plus"):
        tokenizer.batch_encode_plus = tokenizer


def _in_short(error):
    """The message of another library's exception, as a part of a sentence."""
    words = str(error).split("Stack backtrace")[0].split()
    return " ".join(words)[:300].rstrip(" .:;,")


def local_ltp_directory(model):
    """The directory that `model` names, None where it is a name on the hub.

    Raises:
      UserError: no model is named, or the directory is missing or holds none.
    """
    if not model:
        raise UserError("--segmenter=ltp needs --ltp_model, a directory or a hub name (LTP/small)")
    path = os.path.expanduser(model)
    on_hub = model.count("/") == 1 and not model.startswith((".", "/", "~"))
    if on_hub and not os.path.exists(path):
        return None
    if os.path.isfile(path):
        files.refuse_other_kind(path, "an LTP model's directory (--ltp_model)")
        raise UserError("{} is a file, no LTP model's directory (--ltp_model)".format(model))
    if not os.path.isdir(path):
        raise UserError("LTP model directory {} does not exist (--ltp_model)".format(model))
    if not os.path.isfile(os.path.join(path, "config.json")):
        raise UserError("{} holds no LTP model: config.json is missing (--ltp_model)".format(model))
    return path


def _fetch_ltp(model):
    """The local directory of a hub model; without a network, of the copy in the hub's cache."""
    from huggingface_hub import snapshot_download

    name, _, revision = model.partition("@")
    try:
        return snapshot_download(name, revision=revision or None, allow_patterns=_LTP_FILES)
    except Exception as error:
        raise UserError(
            "LTP model {} is no directory here and cannot be fetched from the hub: {}; download it "
            "and give its directory (--ltp_model)".format(model, _in_short(error))
        ) from None


def model_files(model):
    """Files of an LTP model, for fingerprints: a set of paths. Fetches those of a hub name.

    Raises:
      UserError: no such directory, or the hub cannot be reached.
    """
    directory = local_ltp_directory(model) or _fetch_ltp(model)
    names = (os.path.join(directory, name) for name in os.listdir(directory))
    return {name for name in names if os.path.isfile(name)}
