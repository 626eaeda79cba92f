"""Checks of the values of a manifest, which may come from another machine."""

import os

from common.validation import (
    dict_of,
    is_count,
    is_name,
    is_number,
    is_object,
    is_switch,
    is_text,
    list_of,
)


def _is_masking(value):
    """A corruption's own object, which it checks itself, with the kind."""
    return is_object(value) and value.get("kind") in ("static", "dynamic")


def _is_side(value):
    """Nothing where a corpus is not divided, else the side that the records are of."""
    return is_object(value) and is_text(value.get("side", ""))


def _are_flags(value):
    """Those that are read again must be texts or absent."""
    names = (
        "segmenter",
        "vocab_file",
        "ltp_model",
        "ltp_precision",
        "user_dict",
        "input_format",
        "masking_unit",
    )
    return (
        is_object(value)
        and all(value.get(name) is None or is_name(value[name]) for name in names)
        and all(is_switch(value.get(n, True)) for n in ("do_lower_case", "normalize_quotes"))
    )


def _are_shards(value):
    """Names of files beside the manifest, never elsewhere, and their sizes."""
    return all(
        is_name(name)
        and name == os.path.basename(name) != ""
        and is_object(shard)
        and all(is_count(shard.get(key, 0)) for key in ("bytes", "records"))
        for name, shard in value.items()
    )


_COUNT, _NUMBER = ("a count", is_count), ("a number", is_number)
_TEXT, _TEXTS = ("a text", is_text), ("a list of texts", list_of(is_text))
_OBJECT, _COUNTS = ("an object", is_object), ("an object of counts", dict_of(is_count))

# Key -> (what it holds, function that tells), of every manifest.
_ALL = {
    "format": _COUNT,
    "documents": _COUNT,
    "sentences": _COUNT,
    "characters": _COUNT,
    "unaligned_sentences": _COUNT,
    "unaligned_examples": _TEXTS,
    "tag_counts": _COUNTS,
    "user_dict": _OBJECT,
    "input": _OBJECT,
    "shards": ("an object of file names, with bytes and records", _are_shards),
    "flags": ("the settings that the records were made with", _are_flags),
    "fingerprint": _TEXT,
}
_OF_RECORDS = {
    "objective": _TEXT,
    "held_out": ("an object with the side of the corpus", _is_side),
    "features": _TEXTS,
    "masking": ("an object with the kind of masking", _is_masking),
    "max_seq_length": _COUNT,
    "max_predictions_per_seq": _COUNT,
    "tokenizer": _TEXT,
    "vocab_size": _COUNT,
    "vocab_sha256": _TEXT,
    "unreachable_rows": _COUNTS,
    "unreachable_examples": ("an object of lists of texts", dict_of(list_of(is_text))),
    "records": _COUNT,
    "tokens": _COUNT,
    "padding_share": _NUMBER,
    "masked_share": _NUMBER,
    "corruption_counts": _COUNTS,
    "changes": _COUNTS,
    "change_examples": ("an object of texts", dict_of(is_text)),
    "ngram_distribution": ("an object of numbers", dict_of(is_number)),
    "duplicate_share": _NUMBER,
    "divided_sentences": _COUNT,
    "pieces": _COUNT,
    "pair_records": _COUNTS,
    "left_out_share": _NUMBER,
    "unaligned_words": _COUNT,
    "unknown_tags": _COUNTS,
    "unknown_share": _NUMBER,
    "unknown_top": _COUNTS,
    "examples": _TEXTS,
    "one_document_share": _NUMBER,
}
_OF_ANNOTATIONS = {"words": _COUNT}
# Manifests of other programs lack some of them.
KEYS = dict(_ALL, **_OF_RECORDS, **_OF_ANNOTATIONS)
# What a manifest of today holds; max_predictions_per_seq where its records hold masks.
RECORD_KEYS = frozenset(_ALL) | frozenset(_OF_RECORDS)
ANNOTATION_KEYS = frozenset(_ALL) | frozenset(_OF_ANNOTATIONS)
