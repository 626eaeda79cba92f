"""What is made of each file in a Hugging Face directory.

FILES are the decisions, and docs/huggingface.md shows them; a file that is not in them is named as
ignored. The keys of config.json are decided in config_keys.py, those of the tokenizer in
data/tokenizers/huggingface_directory.py.
"""

import os
import re
import typing

from common import files
from common.errors import UserError, some
from modeling.conversion.config_keys import CHECKED, IGNORED, USED

CONFIGS = ("config.json", "bert_config.json")
# In the order in which transformers looks for them.
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_TOKENIZER = "the vocabulary and how text becomes tokens, see below"
_OWN_WEIGHTS = re.compile(r"(model|pytorch_model)(-\d+-of-\d+)?\.(safetensors|bin)(\.index\.json)?")
_OTHER_WEIGHTS = re.compile(
    r"(tf_model\.h5|flax_model\.msgpack|rust_model\.ot).*|.*\.onnx|.*\.gguf"
)


class FileDecision(typing.NamedTuple):
    """What becomes of a file or folder.

    Attributes:
      names: pattern of names.
      kind: one of config_keys.KINDS.
      what: what is done with it, for the documentation; of an ignored one why.
      warning: sentence of the warning where it is there, or None.
      shown: the names, for the documentation.
    """

    names: str
    kind: str
    what: str
    warning: typing.Optional[str] = None
    shown: str = ""


FILES = (
    FileDecision(r"(bert_)?config\.json", USED, "see below", shown="config.json, bert_config.json"),
    FileDecision(
        _OWN_WEIGHTS.pattern,
        USED,
        "the weights, in one file or in several with an index; float16 and bfloat16 are read as "
        "float32",
        shown="model.safetensors, pytorch_model.bin, their shards and \\*.index.json",
    ),
    FileDecision(
        r"vocab\.txt|spiece\.model|30k-clean\.model|tokenizer\.json|added_tokens\.json|"
        r"tokenizer_config\.json|special_tokens_map\.json",
        USED,
        _TOKENIZER,
        shown="vocab.txt, spiece.model, tokenizer.json, added_tokens.json, "
        "tokenizer_config.json, special_tokens_map.json",
    ),
    FileDecision(
        r"task\.json|(lert_heads|pert_head|pooler)\.safetensors|\.quanci\.json",
        USED,
        "written by a conversion: labels and settings, tag heads, position head, pooler, list of "
        "its files",
        shown="task.json, lert_heads.safetensors, pert_head.safetensors, pooler.safetensors, "
        ".quanci.json",
    ),
    FileDecision(
        r"adapter_(config\.json|model\..*)",
        CHECKED,
        "an adapter (LoRA and the like) is refused: the weights are not whole without it",
        shown="adapter_config.json, adapter_model.\\*",
    ),
    FileDecision(
        r"modules\.json|config_sentence_transformers\.json|sentence_bert_config\.json|\d+_\w+",
        IGNORED,
        "sentence-transformers: the encoder alone is read, with a warning; "
        "`run_prediction.py --task=features --pooling=mean` or `cls` pools",
        "the directory is of sentence-transformers: its pooling, further layers and normalisation "
        "are not part of the encoder that is read",
        shown="modules.json, config_sentence_transformers.json, sentence_bert_config.json, "
        "1_Pooling/ and the like",
    ),
    FileDecision(
        r".*\.py",
        IGNORED,
        "code is never run; see auto_map",
        shown="\\*.py",
    ),
    FileDecision(
        r"(optimizer|scheduler|scaler)\.(pt|bin)|rng_state.*\.pth|training_args\.(bin|json)|"
        r"trainer_state\.json|global_step\d+|latest|zero_to_fp32\.py",
        IGNORED,
        "the state of a training with transformers; here one starts at step 0",
        shown="optimizer.pt, scheduler.pt, scaler.pt, rng_state\\*.pth, training_args.bin, "
        "trainer_state.json",
    ),
    FileDecision(
        _OTHER_WEIGHTS.pattern + r"|onnx|openvino.*|coreml|model\.ckpt.*",
        IGNORED,
        "the same weights for other programs; alone, they are refused",
        shown="tf_model.h5, flax_model.msgpack, rust_model.ot, \\*.onnx, \\*.gguf, onnx/, "
        "openvino/, coreml/",
    ),
    FileDecision(
        r"generation_config\.json|(pre|video_pre)?processor_config\.json|chat_template\..*|"
        r"merges\.txt|vocab\.json|sentencepiece\.bpe\.model|audio_tokenizer_config\.json",
        IGNORED,
        "of models that generate text, of images and sound, or of other tokenizers",
        shown="generation_config.json, preprocessor_config.json, processor_config.json, "
        "chat_template.\\*, merges.txt, vocab.json",
    ),
    FileDecision(
        r"(?i)readme.*|license.*|notice.*|\.git.*|.*\.md|modelcard\.json|(all|eval|train|test|"
        r"predict)_results?.*|runs|events\.out.*|\.cache|.*\.png|.*\.txt|configuration\.json",
        IGNORED,
        "descriptions and results",
        shown="README.md, LICENSE, .gitattributes, modelcard.json, configuration.json, "
        "\\*_results.\\*, runs/",
    ),
)


def refuse_unreadable(path, flag=None):
    """Refuses a directory that looks like one of Hugging Face, but has no whole weights in it.

    Args:
      path: directory, or anything else.
      flag: name of the flag that names it, for messages.

    Raises:
      UserError: naming what is there, and what to do.
    """
    if not files.is_directory(path):
        return
    names = files.names_in(path)
    if any(name.endswith(".index") for name in names):  # TensorFlow's
        return
    shown = "--{}={}".format(flag, path) if flag else "directory {}".format(path)
    adapters = sorted(name for name in names if name.startswith("adapter_"))
    if adapters:
        raise UserError(
            "{} holds {}, an adapter of another model, without which its weights are not whole; "
            "merge the two with PEFT's merge_and_unload and save the result".format(
                shown, adapters[0]
            )
        )
    if any(name in names for name in WEIGHTS):
        return
    others = sorted(name for name in names if _OTHER_WEIGHTS.fullmatch(name))
    if others:
        raise UserError(
            "{} holds weights for other programs only ({}); save them with transformers as "
            "model.safetensors".format(shown, some(others, 3))
        )
    inner = sorted(n for n in names if is_model_directory(os.path.join(path, n)))
    if inner:
        raise UserError(
            "{} holds no weights, but {} does; name that folder".format(shown, inner[0])
        )
    if "config.json" in names:
        raise UserError(
            "{} holds config.json, but no weights ({}); download them, too".format(
                shown, " or ".join(WEIGHTS[::2])
            )
        )


def holds_weights(name):
    """Whether a file of that name holds weights that are read, or lists such files."""
    return bool(_OWN_WEIGHTS.fullmatch(name))


def is_model_directory(path):
    """Whether `path` is a directory of Hugging Face weights and not of TensorFlow checkpoints."""
    if not files.is_directory(path):
        return False
    names = set(files.names_in(path))
    if any(name.endswith(".index") for name in names):
        return False
    return any(name in names for name in CONFIGS) and any(name in names for name in WEIGHTS)


def check_files(path):
    """List of (is_warning, line) on the files of a directory that are not used."""
    ignored, warnings, unknown = [], [], []
    for name in sorted(files.names_in(path)):
        decision = next((d for d in FILES if re.fullmatch(d.names, name.rstrip("/"))), None)
        if decision is None:
            unknown.append(name)
        elif decision.warning and decision.warning not in warnings:
            warnings.append(decision.warning)
        elif decision.kind == IGNORED and not decision.warning:
            ignored.append(name)
    lines = [(True, "{}: {}".format(path, warning)) for warning in warnings]
    if ignored:
        lines.append((False, "files that are not used: " + some(ignored, 12)))
    if unknown:
        lines.append((False, "files that are not known and not used: " + some(unknown, 12)))
    return lines
