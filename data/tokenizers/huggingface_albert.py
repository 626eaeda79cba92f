"""The tokenizer.json of a SentencePiece model, in the terms of transformers' ALBERT.

It describes step by step what data/tokenizers/sentencepiece_pieces.py does. Two steps it knows only
nearly: a number with a comma after it is kept apart by a penalty, as transformers' own converter
does, where Google's program cuts the piece again; and SentencePiece's normalisation is applied to
single graphemes. transformers' slow AlbertTokenizer reads spiece.model alone, and differs where it
writes `` and '' as ", which Google's program does not.
"""

import re
import unicodedata

from common.errors import UserError
from data.text.characters import CODE_POINTS
from data.tokenizers.sentencepiece_pieces import BLANK, is_cut_again
from data.tokenizers.wordpiece import FINAL_SIGMA

SPECIAL_TOKENS = {
    "bos_token": "[CLS]",
    "eos_token": "[SEP]",
    "unk_token": "<unk>",
    "sep_token": "[SEP]",
    "pad_token": "<pad>",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}
SETTINGS = {"keep_accents": False, "remove_space": True}
_UNIGRAM = 1  # sentencepiece_model.proto, TrainerSpec.ModelType
_COMMA_PENALTY = 100  # transformers, AlbertConverter


def make_tokenizer(vocabulary, do_lower_case):
    """tokenizers.Tokenizer of a SentencePieceVocabulary, without special tokens.

    Raises:
      UserError: the model is not a unigram model.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    # Those of sentencepiece itself need a protobuf that TensorFlow does not work with.
    from transformers.utils import sentencepiece_model_pb2_new

    content = vocabulary.processor.serialized_model_proto()
    model = sentencepiece_model_pb2_new.ModelProto.FromString(content)
    if model.trainer_spec.model_type != _UNIGRAM:
        raise UserError(
            "{} is not a unigram model, the only kind that ALBERT's tokenizer files of Hugging "
            "Face can hold; train it with --model_type=unigram".format(vocabulary.path)
        )
    scores = [(p.piece, p.score - _COMMA_PENALTY * is_cut_again(p.piece)) for p in model.pieces]
    tokenizer = Tokenizer(
        models.Unigram(
            scores, unk_id=vocabulary.unk, byte_fallback=model.trainer_spec.byte_fallback
        )
    )
    cut, replaced = _beginnings(vocabulary)
    tokenizer.normalizer = _normalizer(
        model.normalizer_spec.precompiled_charsmap,
        do_lower_case,
        [(replaced, _unused_character(vocabulary))] if replaced else [],
    )
    scheme = "always" if model.normalizer_spec.add_dummy_prefix else "never"
    steps = [pre_tokenizers.Metaspace(BLANK, prepend_scheme=scheme)]
    if cut:
        steps.append(pre_tokenizers.Split(Regex(cut), "merged_with_previous"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.Metaspace(BLANK, prepend_scheme=scheme)
    return tokenizer


def _normalizer(charsmap, do_lower_case, replacements):
    """ALBERT's preparation of text and then the model's own.

    Args:
      charsmap: bytes, NormalizerSpec.precompiled_charsmap.
      do_lower_case: bool.
      replacements: list of (regular expression, text) for the end.
    """
    from tokenizers import Regex, normalizers

    blanks, marks = _class_of(str.isspace), _class_of(unicodedata.combining)
    steps = [
        normalizers.Replace(Regex(blanks + "+"), " "),
        normalizers.Strip(),
        normalizers.NFKD(),
        normalizers.Replace(Regex(marks), ""),
    ]
    if do_lower_case:
        steps += [normalizers.Replace(Regex(FINAL_SIGMA), "ς"), normalizers.Lowercase()]
    if charsmap:
        steps.append(normalizers.Precompiled(charsmap))
    steps += [normalizers.Replace(Regex(" {2,}"), " "), normalizers.Strip()]
    steps += [normalizers.Replace(Regex(old), new) for old, new in replacements]
    return normalizers.Sequence(steps)


def _beginnings(vocabulary):
    """Regular expressions for the first character of what is spelled like a special piece.

    No text may become such a piece, which `tokenizers` does not tell from others: where there is a
    piece for that character, the text is cut after it; where there is none, another unknown
    character takes its place.

    Returns:
      One for each of these, or an empty text.
    """
    pieces = vocabulary.pieces_of_text()
    expressions = {True: [], False: []}
    for piece in sorted(set(vocabulary.tokens) - set(pieces)):
        if len(piece) > 1:
            expression = "{}(?={})".format(re.escape(piece[0]), re.escape(piece[1:]))
            expressions[piece[0] in pieces].append(expression)
    return "|".join(expressions[True]), "|".join(expressions[False])


def _unused_character(vocabulary):
    """One for private use that no piece has."""
    used = set("".join(vocabulary.tokens))
    return next(chr(code) for code in range(0xE000, 0xF900) if chr(code) not in used)


def _class_of(holds):
    """A regular expression for the characters of which something holds."""
    codes = [c for c in range(CODE_POINTS) if holds(chr(c))]
    starts = [c for c in codes if not c or not holds(chr(c - 1))]
    ends = [c for c in codes if not holds(chr(c + 1))]
    return "[" + "".join(r"\x{{{:x}}}-\x{{{:x}}}".format(*r) for r in zip(starts, ends)) + "]"
