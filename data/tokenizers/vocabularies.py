"""Vocabularies of either kind, read by one function.

A vocabulary, of whichever kind, has

* path, kind (one of vocabulary_file.KINDS), library (the package that finds its pieces), file_name
  (what it is called in a release), sha256;
* len(), tokens (list of str, in the order of ids), pad, unk, cls, sep, mask (ids) and special_ids
  (frozenset of them);
* unreachable(do_lower_case): the rows that no text gives, see reachability.Unreachable;
* random_replacements(do_lower_case): ids that may stand in for a masked piece, int32 [n];
* spelling(i): the Spelling of the token i;
* make_tokenizer(do_lower_case, blanks_part_words): what has tokenize(text, sentence_starts,
  is_inner) -> Pieces; `blanks_part_words`: of text in words, whose blanks are no text.
"""

from common.errors import UserError
from data.tokenizers import vocabulary_file
from data.tokenizers.sentencepiece_pieces import SentencePieceVocabulary
from data.tokenizers.wordpiece import Vocabulary

_CLASSES = {
    vocabulary_file.WORDPIECE: Vocabulary,
    vocabulary_file.SENTENCEPIECE: SentencePieceVocabulary,
}
# The names that vocabularies have in releases.
FILE_NAMES = tuple(c.file_name for c in _CLASSES.values()) + ("30k-clean.model",)
_WHAT = {
    vocabulary_file.WORDPIECE: "a WordPiece vocabulary",
    vocabulary_file.SENTENCEPIECE: "a SentencePiece model",
}


def read_vocabulary(path, kind=None):
    """The vocabulary of a file.

        tokenizer = read_vocabulary("vocab.txt").make_tokenizer(do_lower_case=True)
        tokenizer.tokenize("今天天气真好").ids  # int32 [6]

    Args:
      path: local file.
      kind: one of vocabulary_file.KINDS that it must be, or None: whichever it is.

    Raises:
      UserError: it is of another kind, damaged, or lacks a special token.
    """
    actual = vocabulary_file.kind_of(path, vocabulary_file.read_vocabulary_file(path))
    if kind not in (None, actual):
        raise UserError(
            "{} is {}, not {}: give --tokenizer={}, or another --vocab_file".format(
                path, _WHAT[actual], _WHAT[kind], actual
            )
        )
    return _CLASSES[actual](path)


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
