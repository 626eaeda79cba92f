"""Tiny LTP models, legacy and neural, trained in seconds on a file of the sample's annotations.

The official weights are downloads of 100 MB and more; these models have the same files and run
through the same code of the `ltp` package. They know the sentences by heart and nothing else.
"""

import os

from places import ROOT

from data.text.sentences import split_sentences
from data.tokenizers.wordpiece import SPECIAL_TOKENS
from sample import conllu_files, train_ltp

SENTENCES = conllu_files.read([os.path.join(ROOT, "sample", "annotations", "everyday.conllu")])
GOLD = {sentence.text: sentence.words for sentence in SENTENCES}
# Some that raw text's sentence splitter leaves whole.
RAW_SENTENCES = [text for text in GOLD if len(split_sentences(text)[0]) == 1][:24]


def build_legacy(directory):
    """Writes an LTP directory with perceptron models for words, POS and NER.

    Args:
      directory: str, made if it is not there.

    Returns:
      str, the directory.
    """
    return _build("legacy", directory)


def build_neural(directory):
    """Writes an LTP directory with a two-layer BERT for words, POS, NER and dependencies.

    Args:
      directory: str, made if it is not there.

    Returns:
      str, the directory.
    """
    return _build("neural", directory)


def _build(kind, directory):
    os.makedirs(directory, exist_ok=True)
    train_ltp.train(kind, SENTENCES, directory)
    return directory


def write_vocabulary(path, extra=()):
    """A vocab.txt of the characters of the sentences and some pieces more."""
    characters = sorted({c for text in GOLD for c in text.lower()})
    tokens = [*SPECIAL_TOKENS, *characters, "的", "2019", "bert", *extra]
    path.write_text("\n".join(dict.fromkeys(tokens)) + "\n", encoding="utf-8")
    return str(path)


def raw_text(copies):
    """Documents of a few of RAW_SENTENCES each, `copies` times."""
    documents = ["\n".join(RAW_SENTENCES[at : at + 6]) for at in range(0, len(RAW_SENTENCES), 6)]
    return "\n\n".join(documents * copies) + "\n"
