"""A SentencePiece model from a corpus, with ALBERT's special pieces."""

import io
import re

import sentencepiece

from common import files
from common.errors import UserError
from data.text import encodings
from data.tokenizers.albert_text import AlbertText
from data.tokenizers.sentencepiece_pieces import SPECIAL_TOKENS

# sentencepiece's advice for Chinese and Japanese; rarer characters are unknown.
CHARACTER_COVERAGE = 0.9995


def train_model(paths, size, do_lower_case, encoding=encodings.UTF8):
    """A unigram model, as google-research/albert trains its own (README.md, spm_train).

    Pieces are learned from prepared text, which is what a tokenizer gives the model. The same input
    gives the same bytes.

    Args:
      paths: text files; a line is a sentence.
      size: int, largest vocabulary.
      do_lower_case: bool.
      encoding: of the files, see encodings.CHOICES.

    Returns:
      bytes of the model.

    Raises:
      UserError: a file cannot be read or decoded, there is no text, `size` is too small.
    """
    sentences = _read_sentences(paths, AlbertText(do_lower_case), encoding)
    if not sentences:
        raise UserError("no text in {}".format(", ".join(paths)))
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            model_type="unigram",
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=CHARACTER_COVERAGE,
            pad_id=0,
            unk_id=1,
            bos_id=-1,
            eos_id=-1,
            control_symbols=list(SPECIAL_TOKENS[2:]),
            max_sentence_length=files.TEXT_LINE_BYTES,  # it passes over longer ones
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        sizes = re.search(r"(\d+) vs (\d+)", str(error))
        if not sizes:
            raise UserError(
                "sentencepiece learns nothing from {}: {}".format(", ".join(paths), error)
            ) from None
        raise UserError(
            "--vocab_size {} is too small for the corpus, whose characters alone need {}; raise "
            "it".format(*sizes.groups())
        ) from None
    return model.getvalue()


def _read_sentences(paths, preparation, encoding):
    """List of str: the prepared lines of all files."""
    texts = []
    for path in paths:
        for line in encodings.text_lines(path, encoding):
            texts += preparation.prepare(line).texts
    return texts
