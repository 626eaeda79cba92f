"""Traditional characters as simplified ones, by OpenCC (`opencc`, an optional package)."""

import functools

from common.errors import UserError

LIBRARY = "opencc"
# OpenCC's own name of the conversion from traditional to simplified.
_CONVERSION = "t2s"


def check(input_format):
    """Refuses --t2s where it cannot be applied.

    Args:
      input_format: one of corpus.FORMATS.

    Raises:
      UserError: the input has words of its own in CoNLL-U, or OpenCC is not installed.
    """
    if input_format == "conllu":
        raise UserError(
            "--t2s cannot be combined with --input_format=conllu, whose words and tags belong to "
            "the text as it is: give --t2s to annotate_corpus.py"
        )
    check_library()


def check_library():
    """Raises UserError where OpenCC is not installed."""
    _converter("--t2s")


def simplify(text, asked_by="--t2s"):
    """The text with simplified characters; phrases decide where a character has several.

        simplify("乾隆年間，天氣乾燥")  # "乾隆年间，天气干燥"

    Args:
      text: str, of any length. The result may have another length.
      asked_by: the flag that asks for it, for the message.

    Raises:
      UserError: OpenCC is not installed.
    """
    return _converter(asked_by).convert(text)


def simplify_in_place(text):
    """Like `simplify`, with every character at its place, for texts in which places count: a line
    whose length a phrase would change is simplified character by character.

    Args:
      text: str.

    Raises:
      UserError: OpenCC is not installed.
    """
    return "\n".join(map(_line_in_place, text.split("\n")))


def _line_in_place(line):
    simplified = simplify(line)
    if len(simplified) == len(line):
        return simplified
    alone = ((character, simplify(character)) for character in line)
    return "".join(simple if len(simple) == 1 else character for character, simple in alone)


@functools.lru_cache(maxsize=None)
def _converter(asked_by):
    try:
        import opencc
    except ImportError:
        raise UserError(
            "{} needs the package opencc, which is not installed: pip install opencc".format(
                asked_by
            )
        ) from None
    return opencc.OpenCC(_CONVERSION)
