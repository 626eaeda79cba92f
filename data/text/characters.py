"""Kinds of characters, as google-research/bert tells them apart, and texts as code points."""

import functools
import unicodedata

import numpy as np

CODE_POINTS = 0x110000
_QUOTES = str.maketrans("“”„‟‘’‚‛—―–…", "\"\"\"\"''''---.")
CJK_RANGES = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def is_cjk(code):
    """True for the code points that BERT's tokenizer stands apart (not kana, not hangul)."""
    return any(low <= code <= high for low, high in CJK_RANGES)


def is_punctuation(char):
    """Unicode punctuation, and every ASCII symbol, as google-research/bert has it."""
    code = ord(char)
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return unicodedata.category(char).startswith("P")


def is_letter(char):
    """True for what words of several characters are made of: no blank, punctuation or CJK."""
    return not (char.isspace() or is_punctuation(char) or is_cjk(ord(char)))


def ascii_quotes(text):
    """The text with quotes, dashes and … as their ASCII forms, one character for one."""
    return text.translate(_QUOTES)


def quotes_by_form():
    """dict ASCII form -> the characters that ascii_quotes writes so, as one str."""
    forms = {}
    for code, form in _QUOTES.items():
        form = chr(form) if isinstance(form, int) else form
        forms[form] = forms.get(form, "") + chr(code)
    return forms


@functools.lru_cache(maxsize=1)
def code_points(text):
    """uint32 [len(text)]: the code points of a str, lone surrogates (from JSON) included.

    Read-only: those of the last text are kept, since a block's are asked for several times.
    """
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


# Latin, Greek and Cyrillic with their accents: blanks part the words of these alphabets.
_ALPHABETS_END = 0x2000
_ALPHABETS = ((0xC0, 0x52F), (0x1E00, 0x1FFF))


def inside_accented_words(text):
    """Places within a word of an alphabet that has letters beyond ASCII: Zür|ich, but not don|'t.

    Args:
      text: str.

    Returns:
      bool [len(text)], True where a character goes on a word of the one before it and one of the
      two is no ASCII character; None where there is no such place.
    """
    chars = code_points(text)
    beyond = (chars >= _ALPHABETS[0][0]) & (chars < _ALPHABETS_END)
    if not beyond.any():
        return None
    letters = _letters_of_alphabets()[np.minimum(chars, _ALPHABETS_END)]
    inside = np.zeros(len(chars), dtype=bool)
    inside[1:] = letters[1:] & letters[:-1] & (beyond[1:] | beyond[:-1])
    return inside


@functools.lru_cache(maxsize=1)
def _letters_of_alphabets():
    """bool [_ALPHABETS_END + 1]: letters, accents and ASCII digits; the last is any other one."""
    table = np.zeros(_ALPHABETS_END + 1, dtype=bool)
    for low, high in ((ord("0"), ord("z")), *_ALPHABETS):
        for code in range(low, high + 1):
            is_accent = unicodedata.category(chr(code)) == "Mn"
            table[code] = chr(code).isalnum() or is_accent
    return table


def is_ascii_word(char):
    """Whether a character is a letter or digit of ASCII, which words in Latin letters are made
    of."""
    return char.isascii() and char.isalnum()
