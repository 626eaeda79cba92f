"""Vocabularies of either kind, read by one function.

A vocabulary, of whichever kind, has

* path, kind (one of vocabulary_file.KINDS), library (the package that finds its pieces), file_name
  (what it is called in a release), sha256;
* len(), tokens (list of str, in the order of ids), pad, unk, cls, sep, mask (ids) and special_ids
  (frozenset of them);
* unreachable(do_lower_case): the rows that no text gives, see reachability.Unreachable;
* random_replacements(do_lower_case): ids that may stand in for a masked piece, int32 [n];
* beside: huggingface_directory.Beside, what the tokenizer files of its directory say;
* is_as_file: whether its tokens are those of the file at `path` alone;
* spelling(i): the Spelling of the token i;
* make_tokenizer(do_lower_case, blanks_part_words): what has tokenize(text, sentence_starts,
  is_inner) -> Pieces; `blanks_part_words`: of text in words, whose blanks are no text.
"""

import os
import re

from common import files
from common.errors import UserError, some
from data.tokenizers import huggingface_directory, vocabulary_file
from data.tokenizers.sentencepiece_pieces import SentencePieceVocabulary
from data.tokenizers.wordpiece import Vocabulary, read_tokens

_CLASSES = {
    vocabulary_file.WORDPIECE: Vocabulary,
    vocabulary_file.SENTENCEPIECE: SentencePieceVocabulary,
}
# The names that vocabularies have in releases.
FILE_NAMES = tuple(c.file_name for c in _CLASSES.values()) + ("30k-clean.model",)
_CAPITAL = re.compile("[A-Z]")
# Share of the rows: ERNIE's vocabulary, lower-cased, has 5 such rows of 17,964, Erlangshen's 28 %.
_MANY = 0.02
_RESERVED = re.compile(r"\[.*\]|<.*>")
_WHAT = {
    vocabulary_file.WORDPIECE: "a WordPiece vocabulary",
    vocabulary_file.SENTENCEPIECE: "a SentencePiece model",
}


def read_vocabulary(path, kind=None):
    """The vocabulary of a file, or of a Hugging Face directory.

    Rows that the tokenizer files beside it add belong to it.

        tokenizer = read_vocabulary("vocab.txt").make_tokenizer(do_lower_case=True)
        tokenizer.tokenize("今天天气真好").ids  # int32 [6]

    Args:
      path: local file, also a tokenizer.json of WordPiece; or directory.
      kind: one of vocabulary_file.KINDS that it must be, or None: whichever it is.

    Raises:
      UserError: it is of another kind, damaged, or lacks a special token.
    """
    path = _file_of(path)
    is_json = os.path.basename(path) == huggingface_directory.WHOLE
    actual = vocabulary_file.WORDPIECE
    if not is_json:
        actual = vocabulary_file.kind_of(path, vocabulary_file.read_vocabulary_file(path))
    if kind not in (None, actual):
        raise UserError(
            "{} is {}, not {}: give --tokenizer={}, or another --vocab_file".format(
                path, _WHAT[actual], _WHAT[kind], actual
            )
        )
    if actual == vocabulary_file.WORDPIECE:
        tokens = huggingface_directory.tokens_of(path) if is_json else read_tokens(path)
        beside = _read_beside(path, tokens, actual)
        vocabulary = Vocabulary(path, tokens + beside.added)
    else:
        vocabulary = SentencePieceVocabulary(path)
        beside = _read_beside(path, vocabulary.tokens, actual)
        if beside.added:
            raise UserError(
                "the tokenizer files beside {} add rows to the SentencePiece model ({}), which "
                "cannot be used; take a model without them".format(path, some(beside.added))
            )
    vocabulary.beside, vocabulary.is_as_file = beside, not (is_json or beside.added)
    return vocabulary


def choose_lower_case(vocabulary, given, default=True):
    """do_lower_case for a vocabulary, as its directory says where nothing else decides.

    Args:
      vocabulary: result of read_vocabulary.
      given: of the flag or of task.json; None: neither says.
      default: bool.

    Returns:
      (do_lower_case, list of (is_warning, line) for the log).
    """
    stated, source = vocabulary.beside.lower_case, vocabulary.beside.source
    if stated is None or stated == (default if given is None else given):
        return (default if given is None else given), []
    where = "do_lower_case is {} in {}".format(str(stated).lower(), source)
    if given is not None:
        text = "{}, but here it is {}, as was asked for"
        return given, [(True, text.format(where, str(given).lower()))]
    # What Quanci writes is how texts were prepared, even where that was not wise.
    is_ours = vocabulary.beside.normalize_quotes is not None
    if not stated and not is_ours and not has_capitals(vocabulary):
        text = (
            "{}, but no row of the vocabulary has a capital letter: text is lower-cased all the "
            "same (--do_lower_case=false would leave it)"
        )
        return default, [(True, text.format(where))]
    return stated, [(False, where + ", which is taken over")]


def has_capitals(vocabulary):
    """Whether a row of text has a capital letter of ASCII, so that its model knows cased text."""
    return bool(_capitals(vocabulary))


def is_cased(vocabulary):
    """Whether many rows have capital letters, as only vocabularies of cased models do."""
    return _capitals(vocabulary) > _MANY * len(vocabulary)


def _capitals(vocabulary):
    """The number of rows of text with a capital letter of ASCII."""
    return sum(
        bool(_CAPITAL.search(token))
        for i, token in enumerate(vocabulary.tokens)
        if i not in vocabulary.special_ids and not _RESERVED.fullmatch(token)
    )


def _file_of(path):
    """The vocabulary file of a directory; a path of anything else."""
    if files.is_remote(path) or not os.path.isdir(path):
        return path
    names = (*FILE_NAMES, huggingface_directory.WHOLE)
    paths = [os.path.join(path, name) for name in names]
    present = next(filter(os.path.isfile, paths), None)
    if present is None:
        raise UserError(
            "directory {} holds no vocabulary ({}); name the file as --vocab_file".format(
                path, ", ".join(names)
            )
        )
    return present


def _read_beside(path, tokens, kind):
    return huggingface_directory.read_beside(
        os.path.dirname(path), tokens, huggingface_directory.special_tokens(kind)
    )


def model_vocabulary(path, size, source):
    """The vocabulary of a file for a model.

    Args:
      path: local file.
      size: vocab_size of the model.
      source: the model's config, for messages.

    Raises:
      UserError: it cannot be read, or has another size.
    """
    vocabulary = read_vocabulary(path)
    if len(vocabulary) != size:
        raise UserError(
            "vocabulary sizes differ: {} holds {} tokens, but vocab_size in {} is {}".format(
                path, len(vocabulary), source, size
            )
        )
    return vocabulary
