"""What is made of each file and of each key of config.json in a Hugging Face directory.

FILES and KEYS are the decisions, and docs/huggingface.md shows them; a file or key that is in
neither is named as ignored. The tokenizer's files are a matter of
data/tokenizers/huggingface_directory.py.
"""

import os
import re
import typing

from common import files
from common.errors import UserError, quoted, some
from common.validation import is_object, is_text, is_whole
from modeling.kernels import LAYER_NORM_EPSILON

CONFIGS = ("config.json", "bert_config.json")
# In the order in which transformers looks for them.
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
USED, CHECKED, IGNORED = KINDS = ("used", "checked", "ignored")
MAX_LABELS = 1 << 20
_TOKENIZER = "the vocabulary and how text becomes tokens, see below"
_OTHER_WEIGHTS = re.compile(
    r"(tf_model\.h5|flax_model\.msgpack|rust_model\.ot).*|.*\.onnx|.*\.gguf"
)


class FileDecision(typing.NamedTuple):
    """What becomes of a file or folder.

    Attributes:
      names: pattern of names.
      kind: one of KINDS.
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
        r"(model|pytorch_model)(-\d+-of-\d+)?\.(safetensors|bin)(\.index\.json)?",
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
        r"task\.json|lert_heads\.safetensors|pooler\.safetensors|\.quanci\.json",
        USED,
        "written by a conversion: labels and settings, tag heads, pooler, list of its files",
        shown="task.json, lert_heads.safetensors, pooler.safetensors, .quanci.json",
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


class KeyDecision(typing.NamedTuple):
    """What becomes of a key of config.json.

    Attributes:
      kind: one of KINDS.
      what: what is done with it, for the documentation; of an ignored one why.
      fault: function (value, dict of all values) -> what is wrong with it, to end a sentence that
        refuses the directory, else None.
      note: likewise a warning.
    """

    kind: str
    what: str
    fault: typing.Callable = lambda value, values: None
    note: typing.Callable = lambda value, values: None


def _must_be(*allowed):
    def fault(value, values):
        del values
        known = any(value is one or (value == one and type(value) is type(one)) for one in allowed)
        return None if known else "cannot be imported, only {}".format(quoted(allowed[0]))

    return fault


def _must_be_empty(why):
    return lambda value, values: why if value else None


def _names_of_classes(values):
    """id2label where it names the classes of a head, else None."""
    classes = values.get("architectures") or ["Classification"]
    names = values.get("id2label")
    return names if is_object(names) and "Classification" in quoted(classes) else None


def _numbers_fault(value, values):
    names = _names_of_classes(values)
    if names is None or not is_object(value) or {str(i): n for n, i in value.items()} == names:
        return None
    return "contradicts id2label: not every name has its number there; correct one of them"


def _num_labels_fault(value, values):
    # transformers allocates a table of them.
    if not is_whole(value) or not 0 <= value <= MAX_LABELS:
        return "is no number of classes"
    names = _names_of_classes(values)
    if names is None or value == len(names):
        return None
    return "contradicts id2label, which names {} classes; correct one of them".format(len(names))


def _problem_fault(value, values):
    del values
    if value not in ("multi_label_classification", "regression"):
        return None
    return (
        "means other outputs than one class of a text, and no others are computed here; remove the "
        "key to take the encoder and the weights of the output layer without that meaning"
    )


def _classes_note(value, values):
    listed = value if isinstance(value, list) else [value]
    first = listed[0] if listed else None
    if first is None:
        return None
    model_type = values.get("model_type")
    family = _FAMILY_CLASSES.get(model_type if is_text(model_type) else None, "Bert")
    name = first if is_text(first) else ""
    head = name[len(family) :] if name.startswith(family) else None
    if head not in _HEADS:
        return (
            "no class of {}'s that is known; what is named as its encoder and heads is read".format(
                family
            )
        )
    return None


_FAMILY_CLASSES = {"bert": "Bert", "albert": "Albert", "electra": "Electra"}
_HEADS = {
    "Model",
    "ForPreTraining",
    "ForMaskedLM",
    "ForNextSentencePrediction",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForMultipleChoice",
    "ForQuestionAnswering",
}


def _epsilon_note(value, values):
    del values
    if value == LAYER_NORM_EPSILON:
        return None
    return "but {} here: outputs differ a little".format(LAYER_NORM_EPSILON)


def _dropout_note(value, values):
    if value is None or value == values.get("hidden_dropout_prob", 0.1):
        return None
    return "but a fine-tuned head has hidden_dropout_prob here"


_SIZE = "a size of the network"
KEYS = {
    **{
        name: KeyDecision(USED, _SIZE)
        for name in (
            "vocab_size",
            "hidden_size",
            "embedding_size",
            "num_hidden_layers",
            "num_hidden_groups",
            "inner_group_num",
            "num_attention_heads",
            "intermediate_size",
            "max_position_embeddings",
            "type_vocab_size",
        )
    },
    "hidden_dropout_prob": KeyDecision(USED, "dropout in training"),
    "attention_probs_dropout_prob": KeyDecision(USED, "dropout in training"),
    "initializer_range": KeyDecision(USED, "what new weights are drawn from"),
    "hidden_act": KeyDecision(USED, "erf and tanh forms of gelu, relu, tanh, linear; else refused"),
    "model_type": KeyDecision(USED, "bert, albert, electra; else refused"),
    "finetuning_task": KeyDecision(USED, "names the variables of ELECTRA's heads"),
    "architectures": KeyDecision(
        USED,
        "the head: tags, classes or choices; a class that is not known is a warning",
        note=_classes_note,
    ),
    "id2label": KeyDecision(USED, "names of the classes"),
    "problem_type": KeyDecision(
        CHECKED,
        "multi_label_classification and regression are refused: a classifier here gives a text one "
        "class",
        fault=_problem_fault,
    ),
    "label2id": KeyDecision(CHECKED, "against id2label, else refused", fault=_numbers_fault),
    "num_labels": KeyDecision(CHECKED, "against id2label, else refused", fault=_num_labels_fault),
    "layer_norm_eps": KeyDecision(
        CHECKED, "other than 1e-12: a warning, outputs differ a little", note=_epsilon_note
    ),
    "classifier_dropout": KeyDecision(
        CHECKED, "other than hidden_dropout_prob: a warning", note=_dropout_note
    ),
    "torch_dtype": KeyDecision(USED, "weights of any precision are read as float32"),
    "dtype": KeyDecision(USED, "weights of any precision are read as float32"),
    "tie_word_embeddings": KeyDecision(
        CHECKED, "false: refused unless output and word table are the same all the same"
    ),
    "position_embedding_type": KeyDecision(
        CHECKED, "other than absolute is refused", fault=_must_be("absolute")
    ),
    "is_decoder": KeyDecision(CHECKED, "true is refused", fault=_must_be(False, None)),
    "add_cross_attention": KeyDecision(CHECKED, "true is refused", fault=_must_be(False, None)),
    "is_encoder_decoder": KeyDecision(CHECKED, "true is refused", fault=_must_be(False, None)),
    "pruned_heads": KeyDecision(
        CHECKED,
        "refused where there are any",
        fault=_must_be_empty("lists attention heads that were cut out, which no layer here lacks"),
    ),
    **{
        name: KeyDecision(
            CHECKED,
            "quantized weights are refused",
            fault=_must_be_empty("says that the weights are quantized; take a copy that is not"),
        )
        for name in ("quantization_config", "compression_config")
    },
    "auto_map": KeyDecision(
        CHECKED,
        "refused: the network is defined by code, which is never run",
        fault=_must_be_empty(
            "names code of its own for the network, which is not run; remove the key if the "
            "network is the plain one of model_type"
        ),
    ),
    **{
        name: KeyDecision(IGNORED, why)
        for why, names in {
            "tells no network apart that has one decision above": (
                "cross_attention_hidden_size",
                "tie_encoder_decoder",
            ),
            "the same numbers in another way": (
                "chunk_size_feed_forward",
                "gradient_checkpointing",
                "attn_implementation",
                "_attn_implementation",
                "_attn_implementation_autoset",
                "attention_type",
                "use_cache",
                "use_bfloat16",
                "xla_device",
                "torchscript",
                "low_cpu_mem_usage",
            ),
            "what a call of transformers returns": (
                "return_dict",
                "output_hidden_states",
                "output_attentions",
                "output_past",
                "use_return_dict",
                "tf_legacy_loss",
            ),
            "the special tokens are those of the vocabulary; padding is masked": (
                "pad_token_id",
                "bos_token_id",
                "eos_token_id",
                "sep_token_id",
                "decoder_start_token_id",
                "tokenizer_class",
            ),
            "of heads that are not read: Google's first configs, ELECTRA's classifier, ALBERT": (
                "directionality",
                "pooler_fc_size",
                "pooler_num_attention_heads",
                "pooler_num_fc_layers",
                "pooler_size_per_head",
                "pooler_type",
                "summary_type",
                "summary_use_proj",
                "summary_activation",
                "summary_last_dropout",
                "summary_first_dropout",
                "summary_proj_to_labels",
                "classifier_dropout_prob",
                "net_structure_type",
                "gap_size",
                "num_memory_blocks",
                "down_scale_factor",
                "ln_type",
            ),
            "of models that generate text": (
                "max_length",
                "min_length",
                "do_sample",
                "early_stopping",
                "num_beams",
                "num_beam_groups",
                "diversity_penalty",
                "temperature",
                "top_k",
                "top_p",
                "typical_p",
                "repetition_penalty",
                "length_penalty",
                "no_repeat_ngram_size",
                "encoder_no_repeat_ngram_size",
                "bad_words_ids",
                "num_return_sequences",
                "output_scores",
                "return_dict_in_generate",
                "forced_bos_token_id",
                "forced_eos_token_id",
                "remove_invalid_values",
                "exponential_decay_length_penalty",
                "suppress_tokens",
                "begin_suppress_tokens",
                "prefix",
                "task_specific_params",
            ),
            "says where the file is from": (
                "_name_or_path",
                "name_or_path",
                "_commit_hash",
                "transformers_version",
                "language",
                "name",
                "_num_labels",
            ),
        }.items()
        for name in names
    },
}


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


def check_keys(values, config):
    """Checks the keys of a config.json.

    Args:
      values: dict, its content.
      config: its name, for messages.

    Returns:
      List of (is_warning, line).

    Raises:
      UserError: a value is of another network.
    """
    lines, unknown = [], []
    for key, value in values.items():
        decision = KEYS.get(key)
        if decision is None:
            unknown.append(key)
            continue
        fault = decision.fault(value, values)
        if fault:
            raise UserError("{}: {} {} {}".format(config, key, quoted(value), fault))
        note = decision.note(value, values)
        if note:
            lines.append((True, "{}: {} is {}, {}".format(config, key, quoted(value), note)))
    if unknown:
        lines.append(
            (False, "{}: keys that are not known are ignored: {}".format(config, some(unknown, 12)))
        )
    return lines
