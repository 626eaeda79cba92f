"""The tokenizer files of a Hugging Face directory, as a source of a vocabulary.

A vocabulary that lies in such a directory is more than its vocab.txt: added_tokens.json (in later
versions tokenizer.json and tokenizer_config.json) has rows that follow it, transformers 5 writes
tokenizer.json in its place, and tokenizer_config.json says how text is prepared. KEYS and FILES are
the decisions on all of it; what is in neither is named as ignored.
"""

import os
from typing import Any, Dict, List, NamedTuple, Optional

from common import bounded_json, files
from common.errors import UserError, quoted, some
from common.validation import is_object, is_text, is_whole
from data.text.characters import quotes_by_form
from data.tokenizers import huggingface_files

ADDED, CONFIG, SPECIAL, WHOLE = (
    "added_tokens.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
)
USED, CHECKED, IGNORED = "used", "checked", "ignored"


class Decision(NamedTuple):
    """What becomes of a key.

    Attributes:
      kind: USED, CHECKED or IGNORED.
      what: what is done with it, for the documentation.
    """

    kind: str
    what: str


# Classes whose text becomes the tokens that ours gives, rare characters apart.
CLASSES = ("Bert", "Electra", "Albert", "DistilBert", "PreTrained", "Tokenizers")
# Special tokens by their names in transformers; Albert's in a SentencePiece model are others.
_SPECIAL_TOKENS = ("unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_MOST_DIGITS = 10  # of a row; Python refuses numbers of thousands
_PREPARATION = "text is prepared in this way alone; another value is refused"

# Of tokenizer_config.json; the special tokens also of special_tokens_map.json.
KEYS: Dict[str, Decision] = {
    "do_lower_case": Decision(
        USED,
        "where `--do_lower_case` is not given and the vocabulary agrees: false needs rows with "
        "capital letters. Else a warning",
    ),
    "normalize_quotes": Decision(
        USED,
        "of Quanci: quotes, dashes and … are read as ASCII where `--normalize_quotes` is not given",
    ),
    "t2s": Decision(
        USED,
        "of Quanci: traditional characters are read as simplified ones where `--t2s` is not given",
    ),
    "added_tokens_decoder": Decision(USED, "rows behind the vocabulary file's, as added_tokens"),
    "tokenizer_class": Decision(CHECKED, "a class of another family is a warning"),
    "strip_accents": Decision(CHECKED, "other than do_lower_case: a warning, as both go together"),
    "tokenize_chinese_chars": Decision(CHECKED, "false is refused"),
    "do_basic_tokenize": Decision(CHECKED, "false is refused"),
    "never_split": Decision(CHECKED, "a warning: no text gives these tokens"),
    "do_subword_tokenize": Decision(CHECKED, _PREPARATION),
    "do_word_tokenize": Decision(CHECKED, _PREPARATION),
    "word_tokenizer_type": Decision(CHECKED, _PREPARATION),
    "subword_tokenizer_type": Decision(CHECKED, _PREPARATION),
    "additional_special_tokens": Decision(CHECKED, "a warning: no text gives these tokens"),
    "extra_special_tokens": Decision(CHECKED, "the same"),
    "keep_accents": Decision(CHECKED, "ALBERT: true is a warning"),
    "remove_space": Decision(CHECKED, "ALBERT: false is a warning"),
    "auto_map": Decision(CHECKED, "a warning: code of the directory's own is never run"),
    **{
        name: Decision(CHECKED, "another token than BERT's (ALBERT's) is refused")
        for name in _SPECIAL_TOKENS
    },
    **{
        name: Decision(IGNORED, why)
        for why, names in {
            "rows begin with [CLS] and end with [SEP]": ("bos_token", "eos_token"),
            "`--max_seq_length`, and the model's table of positions, limit rows": (
                "model_max_length",
                "max_len",
                "max_length",
                "truncation_side",
                "truncation_strategy",
                "truncation",
                "stride",
            ),
            "padding is masked, wherever it stands": (
                "padding",
                "padding_side",
                "pad_token_type_id",
                "pad_token_type",
                "pad_to_multiple_of",
            ),
            "concerns output of transformers alone": (
                "clean_up_tokenization_spaces",
                "model_input_names",
                "processor_class",
                "chat_template",
                "split_special_tokens",
                "verbose",
                "return_tensors",
            ),
            "says where the files are from": (
                "name_or_path",
                "special_tokens_map_file",
                "tokenizer_file",
                "vocab_file",
                "init_inputs",
                "transformers_version",
                "backend",
                "is_local",
                "use_fast",
                "lowercase",
                "sp_model_kwargs",
                "wordpieces_prefix",
                "clean_text",
                "add_prefix_space",
                "trim_offsets",
                "errors",
                "legacy",
                "from_slow",
                "local_files_only",
                "do_not_trim",
                "max_input_chars_per_word",
            ),
        }.items()
        for name in names
    },
}
_MUST_BE = {
    "tokenize_chinese_chars": (True, None),
    "do_basic_tokenize": (True, None),
    "do_subword_tokenize": (True, None),
    "do_word_tokenize": (True, None),
    "word_tokenizer_type": ("basic", None),
    "subword_tokenizer_type": ("wordpiece", None),
}


class Beside(NamedTuple):
    """What the tokenizer files beside a vocabulary say.

    Attributes:
      added: list of tokens whose rows follow those of the vocabulary file.
      lower_case: do_lower_case that they state, or None.
      source: the file that states it.
      notes: list of (is_warning, line) for the log.
      normalize_quotes, t2s: that they state; None: they are not of Quanci.
    """

    added: List[str]
    lower_case: Optional[bool]
    source: Optional[str]
    notes: List[Any]
    normalize_quotes: Optional[bool] = None
    t2s: Optional[bool] = None


def read_beside(folder, tokens, special_tokens):
    """Reads the tokenizer files in the folder of a vocabulary.

    Args:
      folder: local folder.
      tokens: list of str, of the vocabulary file, in the order of ids.
      special_tokens: dict name in transformers -> token of ours.

    Returns:
      Beside.

    Raises:
      UserError: a file is damaged, or says that text becomes other tokens than ours.
    """
    values = {name: _read(folder, name) for name in (ADDED, CONFIG, SPECIAL, WHOLE)}
    config_path = os.path.join(folder, CONFIG)
    notes, lower, source = [], None, None
    if values[WHOLE]:
        stated = _lower_case_of(values[WHOLE])
        lower, source = stated, os.path.join(folder, WHOLE)
    config = values[CONFIG] or {}
    if isinstance(config.get("do_lower_case"), bool):
        lower, source = config["do_lower_case"], config_path
    notes += _check_config(config, config_path, lower)
    for name in (CONFIG, SPECIAL):
        _check_special(values[name] or {}, os.path.join(folder, name), special_tokens)
    added = _added_rows(folder, values, tokens)
    if added:
        line = "{} rows follow those of the vocabulary file, by the tokenizer files in {}: {}"
        notes.append((False, line.format(len(added), folder, some(added))))
    own = (_switch(config, name, config_path) for name in ("normalize_quotes", "t2s"))
    return Beside(added, lower, source, notes, *own)


def _switch(config, key, path):
    """A value that must be true or false; None where it is not there."""
    value = config.get(key)
    if value is not None and not isinstance(value, bool):
        raise UserError("{}: {} is {}, not true or false".format(path, key, quoted(value, 40)))
    return value


def tokens_of(path):
    """The tokens of a tokenizer.json of WordPiece, in the order of ids, without added ones.

    Raises:
      UserError: it is damaged, of another model, or prepares text in another way.
    """
    whole = _read(*os.path.split(path))
    if whole is None:
        raise UserError("vocabulary file {} does not exist (--vocab_file)".format(path))
    model = whole.get("model")
    kind = model.get("type") if is_object(model) else None
    if kind == "Unigram":
        raise UserError(
            "{} holds a SentencePiece model without its text preparation; give the model itself "
            "(spiece.model) as --vocab_file".format(path)
        )
    if kind not in ("WordPiece", None) or not is_object(model.get("vocab") if model else None):
        raise UserError(
            "{} is no WordPiece vocabulary of BERT's, but {}; give the vocab.txt of a BERT "
            "model".format(path, quoted(kind) if kind else "an unknown one")
        )
    if model.get("continuing_subword_prefix", "##") != "##":
        raise UserError(
            "{}: pieces inside of words begin with {}, not with ##".format(
                path, quoted(model["continuing_subword_prefix"])
            )
        )
    _check_steps(whole, path)
    return _in_order(model["vocab"], path)


def _read(folder, name):
    """The object in a JSON file, None where there is none."""
    path = os.path.join(folder, name)
    if not files.exists(path) or files.is_directory(path):
        return None
    try:
        with files.open_file(path, "rb") as reader:
            # The preparation of text names NUL, which it removes.
            values = bounded_json.load(reader, path, bounded_json.LIST_BYTES, nul=True)
    except files.failures() as error:
        raise UserError("{} cannot be read: {}".format(path, files.reason(error))) from error
    if not is_object(values):
        raise UserError("{} must hold one JSON object; take another copy of it".format(path))
    return values


def _in_order(vocab, path):
    """Tokens by id of a table token -> id."""
    tokens = {i: _as_row(token, path) for token, i in vocab.items() if is_whole(i)}
    if sorted(tokens) != list(range(len(vocab))):
        raise UserError("{}: its ids are not 0, 1, 2 and so on".format(path))
    return [tokens[i] for i in range(len(tokens))]


def _steps(whole, kind):
    """The steps of a normalizer or pre_tokenizer: list of dicts."""
    step = whole.get(kind)
    if not is_object(step):
        return []
    if step.get("type") == "Sequence":
        inner = step.get(kind + "s") or step.get("normalizers") or step.get("pretokenizers") or []
        # A sequence in a sequence, which huggingface_files writes, too.
        return [s for one in inner if is_object(one) for s in _steps({kind: one}, kind)]
    return [step]


def _is_ours(whole):
    """Whether the preparation of text is the one that huggingface_files writes."""
    kinds = [step.get("type") for step in _steps(whole, "normalizer")]
    of_quotes = ["Replace"] * len(quotes_by_form())
    if kinds[: len(of_quotes)] == of_quotes:
        kinds = kinds[len(of_quotes) :]
    return kinds in (["Replace"], ["Replace", "Replace", "Lowercase", "NFD", "Replace"]) and [
        step.get("type") for step in _steps(whole, "pre_tokenizer")
    ] == ["WhitespaceSplit", "Split"]


def _check_steps(whole, path):
    """Refuses a preparation of text that is neither BERT's nor ours."""
    if _is_ours(whole):
        return
    for kind, name in (("normalizer", "BertNormalizer"), ("pre_tokenizer", "BertPreTokenizer")):
        types = [str(step.get("type")) for step in _steps(whole, kind)]
        if types != [name]:
            raise UserError(
                "{}: its {} is {}, not BERT's, so text becomes other tokens there than here; give "
                "the vocab.txt of a BERT model".format(path, kind, some(types) or "missing")
            )
    (normalizer,) = _steps(whole, "normalizer")
    if normalizer.get("handle_chinese_chars") is False:
        raise UserError(
            "{}: handle_chinese_chars is false, and here Chinese characters always stand "
            "alone".format(path)
        )


def _lower_case_of(whole):
    """Whether a tokenizer.json lower-cases, None where it does not say."""
    steps = _steps(whole, "normalizer")
    if steps and steps[0].get("type") == "BertNormalizer":
        lower = steps[0].get("lowercase")
        return lower if isinstance(lower, bool) else None
    return any(s.get("type") == "Lowercase" for s in steps) if _is_ours(whole) else None


def _check_config(config, path, lower):
    """Refuses settings of another tokenizer; returns notes on the others."""
    notes = []

    def warn(text, *args):
        notes.append((True, "{}: {}".format(path, text.format(*args))))

    for key, allowed in _MUST_BE.items():
        if key in config and config[key] not in allowed:
            raise UserError(
                "{}: {} is {}, and text is not prepared so here; use a model with BERT's "
                "tokenizer".format(path, key, quoted(config[key]))
            )
    name = config.get("tokenizer_class")
    if is_text(name) and not name.startswith(CLASSES):
        warn("tokenizer_class {} may give other tokens; here they are BERT's", quoted(name))
    accents = config.get("strip_accents")
    if accents is not None and lower is not None and accents != lower:
        warn(
            "strip_accents is {}, but here accents go with capital letters (do_lower_case {})",
            quoted(accents),
            str(lower).lower(),
        )
    for key in ("never_split", "additional_special_tokens", "extra_special_tokens"):
        listed = config.get(key)
        if listed:
            names = [_content(one) or "" for one in listed] if isinstance(listed, list) else listed
            warn("{} names {}, which no text gives here", key, quoted(list(names), 80))
    if config.get("keep_accents"):
        warn("keep_accents is true, but here accents are removed")
    if config.get("remove_space") is False:
        warn("remove_space is false, but here blanks are removed")
    if "auto_map" in config:
        warn("auto_map names code of its own, which is not run; the tokens are BERT's")
    unknown = [key for key in config if key not in KEYS]
    if unknown:
        notes.append((False, "{}: ignored, as not known: {}".format(path, some(unknown))))
    return notes


def _content(token):
    """The text of a token, which may be an object (AddedToken)."""
    token = token.get("content") if is_object(token) else token
    return token if is_text(token) else None


def _check_special(values, path, special_tokens):
    for name in _SPECIAL_TOKENS:
        theirs, ours = _content(values.get(name)), special_tokens.get(name)
        if theirs and ours and theirs != ours:
            raise UserError(
                "{}: {} is {}, but here it is {}; the model was trained with other special "
                "tokens".format(path, name, quoted(theirs), ours)
            )


def _added_rows(folder, values, tokens):
    """The tokens behind `tokens`, by any of the files."""
    rows = {}

    def add(name, number, token):
        path = os.path.join(folder, name)
        if not is_whole(number) or number < 0 or not token:
            raise UserError("{}: {} is no row of an added token".format(path, quoted(token)))
        token = _as_row(token, path)
        known = tokens[number] if number < len(tokens) else rows.get(number, token)
        if known != token:
            raise UserError(
                "{}: row {} is {}, but the vocabulary has {} there; take all files of one "
                "model".format(path, number, quoted(token), quoted(known))
            )
        if number >= len(tokens):
            rows[number] = token

    for token, number in (values[ADDED] or {}).items():
        add(ADDED, number, token)
    listed = (values[WHOLE] or {}).get("added_tokens")
    for entry in listed if isinstance(listed, list) else ():
        if is_object(entry):
            add(WHOLE, entry.get("id"), _content(entry))
    decoder = (values[CONFIG] or {}).get("added_tokens_decoder")
    for number, entry in decoder.items() if is_object(decoder) else ():
        is_row = number.isdecimal() and len(number) < _MOST_DIGITS
        add(CONFIG, int(number) if is_row else None, _content(entry))
    last = len(tokens) + len(rows)
    if sorted(rows) != list(range(len(tokens), last)):
        raise UserError(
            "the added tokens in {} have the ids {}, but those of the vocabulary end with {}: rows "
            "are missing between; take all files of one model".format(
                folder, some([str(number) for number in sorted(rows)], 4), len(tokens) - 1
            )
        )
    return [rows[number] for number in range(len(tokens), last)]


def _as_row(token, path):
    """A token as a line of a vocab.txt holds it.

    Raises:
      UserError: no line holds it.
    """
    token = token.strip()
    if "\n" in token or "\r" in token:
        raise UserError("{}: {} holds a line break".format(path, quoted(token)))
    return token


def special_tokens(kind):
    """dict name in transformers -> token, of a kind of vocabularies."""
    return huggingface_files.FAMILIES[kind].special_tokens
