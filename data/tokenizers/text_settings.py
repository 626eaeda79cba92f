"""The settings that a model's texts are prepared with: letters in lower case, quotes in ASCII,
characters simplified. They are kept beside the vocabulary in tokenizer_config.json, where
transformers has the first one."""

import json
import os
from typing import NamedTuple

from common import bounded_json, files
from common.validation import is_object, is_switch
from data.text.characters import ascii_quotes
from data.text.simplification import simplify_in_place
from data.tokenizers import huggingface_directory

FILE_NAME = huggingface_directory.CONFIG
LOWER_CASE, QUOTES, SIMPLIFIED = "do_lower_case", "normalize_quotes", "t2s"


class TextSettings(NamedTuple):
    """Settings of texts.

    Attributes:
      do_lower_case: whether letters are lower-cased, and accents removed.
      normalize_quotes: whether quotes, dashes and … are read as their ASCII forms
        (data.text.characters.ascii_quotes).
      t2s: whether traditional characters are read as simplified ones (data.text.simplification).
    """

    do_lower_case: bool
    normalize_quotes: bool = False
    t2s: bool = False

    def to_json(self):
        """The content of FILE_NAME."""
        return json.dumps(self._asdict(), indent=2) + "\n"

    def shown(self):
        """The settings as flags, for messages."""
        return " ".join("--{}={}".format(*item).lower() for item in self._asdict().items())

    def make_tokenizer(self, vocabulary):
        """The tokenizer of a vocabulary (vocabularies.read_vocabulary) for such texts."""
        tokenizer = vocabulary.make_tokenizer(self.do_lower_case)
        return _Preparing(tokenizer, self) if self.normalize_quotes or self.t2s else tokenizer


class _Preparing:
    """A tokenizer that reads texts as the settings say, in the order of data creation; offsets
    stay."""

    def __init__(self, tokenizer, settings):
        self._tokenizer = tokenizer
        self.vocabulary, self.do_lower_case = tokenizer.vocabulary, tokenizer.do_lower_case
        self.normalize_quotes, self.t2s = settings.normalize_quotes, settings.t2s

    def tokenize(self, text, *arguments, **named):
        """See the tokenizers.

        Raises:
          UserError: OpenCC is not installed.
        """
        text = simplify_in_place(text) if self.t2s else text
        text = ascii_quotes(text) if self.normalize_quotes else text
        return self._tokenizer.tokenize(text, *arguments, **named)


class Stated(NamedTuple):
    """Settings that a file states.

    Attributes:
      settings: TextSettings.
      path: the file.
    """

    settings: TextSettings
    path: str


def stated_in(folders):
    """The Stated of the first folder that has a FILE_NAME written by Quanci; None without.

    Args:
      folders: list of local or remote folders.

    Raises:
      UserError: the file is damaged.
    """
    for folder in folders:
        path = os.path.join(folder, FILE_NAME)
        if files.exists(path):
            with files.open_file(path, "rb") as reader:
                values = bounded_json.load(reader, path, bounded_json.CONFIG_BYTES)
            known = is_object(values) and [values.get(name) for name in (LOWER_CASE, QUOTES)]
            if known and all(map(is_switch, known)):
                # Earlier versions did not say.
                return Stated(TextSettings(*known, values.get(SIMPLIFIED) is True), path)
    return None
