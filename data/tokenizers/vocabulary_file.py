"""The bytes of a vocabulary file, and which kind of vocabulary they are."""

import os
import re

from common import file_kinds, files
from common.errors import UserError

WORDPIECE, SENTENCEPIECE = KINDS = ("wordpiece", "sentencepiece")
SENTENCEPIECE_ENDING = ".model"
_MOST_BYTES = 1 << 26
_JSON = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"')
_TOKENIZER = re.compile(rb'"(?:added_tokens|tokenizer_class|pre_tokenizer)"')
_FIRST_FIELD = 0x0A  # in protobuf: field 1, of bytes that have their length before them


def read_vocabulary_file(path, flag="--vocab_file"):
    """The content of a vocabulary file, bytes.

    Args:
      path: local file.
      flag: that names it, for messages.

    Raises:
      UserError: it is not there, remote, empty or too large, or cannot be read.
    """
    if files.is_remote(path):
        raise UserError("{} must be a local file: copy {} here first".format(flag, path))
    if os.path.isdir(path):
        raise UserError(
            "{} is a directory, not a vocabulary; give the file in it, for instance {} ({})".format(
                path, os.path.join(path, "vocab.txt"), flag
            )
        )
    try:
        with open(path, "rb") as f:
            content = f.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise UserError("vocabulary file {} does not exist ({})".format(path, flag)) from None
    except OSError as error:
        raise UserError(
            "vocabulary file {} cannot be read: {}".format(path, error.strerror)
        ) from None
    if not content:
        raise UserError("vocabulary file {} is empty".format(path))
    file_kinds.refuse(path, "a vocabulary ({})".format(flag), content[: file_kinds.START_BYTES])
    if _JSON.match(content):
        raise UserError(
            "{} is JSON{}, not a vocabulary; give the vocab.txt or the SentencePiece model of the "
            "same folder ({})".format(
                path, " of a tokenizer" if _TOKENIZER.search(content) else "", flag
            )
        )
    if len(content) > _MOST_BYTES:
        raise UserError(
            "vocabulary file {} is larger than {:,} bytes, which is no vocabulary".format(
                path, _MOST_BYTES
            )
        )
    return content


def kind_of(path, content):
    """One of KINDS, by the content of the file and its name.

    A SentencePiece model is a protobuf message that begins with a piece, itself a message that
    begins with a text.
    """
    if path.endswith(SENTENCEPIECE_ENDING):
        return SENTENCEPIECE
    is_message = len(content) > 4 and content[0] == _FIRST_FIELD and content[2] == _FIRST_FIELD
    return SENTENCEPIECE if is_message and content[3] < content[1] else WORDPIECE
