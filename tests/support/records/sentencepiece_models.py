"""Small SentencePiece models for tests; the trainer gives the same bytes in every run."""

import io
import struct

import sentencepiece

SPECIAL = ["[CLS]", "[SEP]", "[MASK]"]
LINES = [
    "今天天气很好",
    "我们去图书馆看书",
    "hello world 1,000 2,000 3,000",
    "天气图书 9,9 1,1",
] * 30


# Of the model that `write_tiny_model` writes.
WORDS = ["▁今天", "天气", "▁hello", "图书馆", "▁1,", "000", "1,", "book", "s", "▁book"]
LETTERS = "▁今天气很好图书馆看helo10,9.["


_NORMAL, _UNKNOWN, _CONTROL = 1, 2, 3  # sentencepiece_model.proto, SentencePiece.Type


def write_sample_model(folder):
    """Path of a model of the sample corpus, 3,000 pieces."""
    from creation_runs import CORPUS

    from data.tokenizers.building.sentencepiece_training import train_model

    path = folder / "spiece.model"
    path.write_bytes(train_model(CORPUS, 3000, do_lower_case=True))
    return str(path)


def write_tiny_model(folder):
    """Path of a model that knows few words; letters cost more than words."""
    pieces = dict(dict.fromkeys(LETTERS, -9.0), **dict.fromkeys(WORDS, -5.0))
    return hand_made(folder / "spiece.model", pieces)


def train(path, lines=LINES, **changes):
    """Path of a model of `lines` as `changes` say."""
    options = {
        "model_type": "unigram",
        "vocab_size": 90,
        "hard_vocab_limit": False,
        "character_coverage": 1.0,
        "pad_id": 0,
        "unk_id": 1,
        "bos_id": -1,
        "eos_id": -1,
        "control_symbols": SPECIAL,
        "num_threads": 1,
        "minloglevel": 2,
    }
    options.update(changes)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, **options
    )
    path.write_bytes(model.getvalue())
    return str(path)


def hand_made(path, pieces):
    """Path of a unigram model that has the special pieces, `pieces` (text -> score) and no
    normalisation of its own. No trainer is run: beside TensorFlow 1.15 it ends the process."""
    kinds = {"<unk>": _UNKNOWN, "<pad>": _CONTROL, **dict.fromkeys(SPECIAL, _CONTROL)}
    special = dict.fromkeys(["<pad>", "<unk>", *SPECIAL], 0.0)
    fields = [
        _field(1, _piece(text, score, kinds.get(text, _NORMAL)))
        for text, score in {**special, **pieces}.items()
    ]
    # TrainerSpec: unk_id = 1; NormalizerSpec: name = "identity".
    fields += [_field(2, b"\xc0\x02\x01"), _field(3, _field(1, b"identity"))]
    path.write_bytes(b"".join(fields))
    return str(path)


def _piece(text, score, kind):
    """sentencepiece_model.proto: piece = 1, score = 2, type = 3."""
    return _field(1, text.encode("utf-8")) + b"\x15" + struct.pack("<f", score) + b"\x18%c" % kind


def _field(number, value):
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


AWKWARD = (
    "今天很好的,。，…㎡①ﬁ각ｶﾞ'\"  \t\n\x00\u200b\u0301\u0327é▁Σσ ςΑabcABC19,3,İß\ufffd½\u00a8<>😀"
)
