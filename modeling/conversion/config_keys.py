"""What is made of each key of config.json in a Hugging Face directory.

KEYS are the decisions, and docs/huggingface.md shows them; a key that is not in them is named as
ignored.
"""

import typing

from common.errors import UserError, quoted, some
from common.validation import is_object, is_text, is_whole
from modeling.kernels import LAYER_NORM_EPSILON

USED, CHECKED, IGNORED = KINDS = ("used", "checked", "ignored")
MAX_LABELS = 1 << 20
# Values of problem_type: what the outputs of a classifier mean. The second is what transformers
# does with the classes of a config that does not say.
REGRESSION, ONE_CLASS = "regression", "single_label_classification"
PROBLEM_TYPES = (REGRESSION, ONE_CLASS, "multi_label_classification")


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


def problem_fault(value, values=None):
    """What is wrong with a problem_type, to end a sentence, or None; see KeyDecision.fault."""
    del values
    if value is None or value in PROBLEM_TYPES:
        return None
    return "is none of " + ", ".join(PROBLEM_TYPES)


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
        USED,
        "one class or any number of labels; regression: the encoder is read, and a task that uses "
        "the output layer is refused, as with a single output and no problem_type",
        fault=problem_fault,
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
