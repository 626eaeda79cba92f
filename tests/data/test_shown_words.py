"""The words that data.inspect shows are those that creation masked, whatever the text."""

import contextlib
import functools
import io
import os
from unittest import mock

import numpy as np
import pytest
import sentencepiece_models
from conllu_lines import lines
from creation_runs import CORPUS, VOCAB, make
from golden_cases import needs_golden, path
from hypothesis import given, settings
from hypothesis import strategies as st

from common.features import WORD_STARTS
from data import inspect, record_processor
from data.creation import RecordWork
from data.creation_settings import CreationSettings
from data.inspection import read_rows, show_row
from data.record_processor import new_statistics
from data.records import encoding
from data.records.manifest import find_manifests
from data.rows.row_features import packed_bits, unpacked_bits
from data.text import corpus, documents
from data.tokenizers.wordpiece import Vocabulary

# Words that the restored text does not give back: digits beside letters, unknown characters, rare
# ones, capitals, accents, blanks.
WORDS = st.one_of(
    st.sampled_from(
        [
            "今天",
            "天气",
            "图书馆",
            "很好",
            "GPT4o",
            "mp3格式",
            "B超",
            "α粒子",
            "①②",
            "𠮷野家",
            "café",
            "1,000",
            "的",
            "，",
        ]
    ),
    st.text("今天气很好图书馆ab1２龘ωé", min_size=1, max_size=6),
)
SENTENCES = st.lists(st.lists(WORDS, min_size=1, max_size=12), min_size=2, max_size=8)
FAMILIES = {
    "bert": {},
    "roberta": {"short_seq_prob": 0.0},
    "albert": {},
    "electra": {"masking": "dynamic", "masking_unit": "word"},
    "lert": {"short_seq_prob": 0.0},
    "ngrams": {"objective": "bert", "masking_unit": "ngram", "ngram_probs": (0.2, 0.3, 0.5)},
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return sentencepiece_models.write_tiny_model(tmp_path_factory.mktemp("tiny"))


def text_of(sentences, input_format):
    if input_format == "conllu":
        return "".join(
            lines(*({"form": word, "xpos": "n", "misc": "SpaceAfter=No"} for word in words))
            for words in sentences
        )
    return "\n".join(" ".join(words) for words in sentences) + "\n"


@functools.lru_cache(maxsize=None)
def processor_of(vocab_file, tokenizer, family, masking, input_format):
    options = {"objective": family, "masking": masking, **FAMILIES[family]}
    settings = CreationSettings(
        vocab_file,
        tokenizer,
        input_format=input_format,
        masked_lm_prob=0.4,
        dupe_factor=1,
        max_predictions_per_seq=10,
        max_seq_length=30 if tokenizer == "wordpiece" else 35,
        **options,
    )
    return RecordWork(settings).make_processor()


@contextlib.contextmanager
def captured():
    """The (batch, corrupted) of records that are made meanwhile."""
    made, real = [], record_processor.features_of

    def features_of(batch, corrupted, names):
        made.append((batch, corrupted))
        return real(batch, corrupted, names)

    with mock.patch.object(record_processor, "features_of", features_of):
        yield made


def masked_words(batch, corrupted, tokens):
    """Of each row the words of masked pieces (the original pieces of each, in their order), by the
    group numbers that were masked; of unmasked rows all words."""
    for row in range(len(batch.lengths)):
        groups = batch.group_ids[row]
        chosen = corrupted.predicted[row] if corrupted else groups >= 0
        at = np.flatnonzero(chosen)
        # The same words may stand in both segments, with a special token between them.
        borders = np.flatnonzero((np.diff(at) > 1) | (np.diff(groups[at]) != 0)) + 1
        yield [[tokens[i] for i in batch.ids[row, run]] for run in np.split(at, borders)]


def shown_words(text, is_masked):
    """The same of a row that was shown: "(今<-[MASK] 天) 好"."""
    words, inside = [], False
    for piece in text.split(" "):
        if not inside:
            words.append([])
        # No piece of the vocabularies below has a bracket in it.
        inside = (inside or piece.startswith("(")) and not piece.split("/")[0].endswith(")")
        words[-1].append(piece.split("/")[0].strip("()"))
    special = ("[CLS]", "[SEP]")
    if is_masked:
        return [[p.split("<-")[1] for p in word] for word in words if "<-" in word[0]]
    return [word for word in words if word[0] not in special]


@pytest.mark.parametrize("masking", ["static", "dynamic"])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tokenizer", ["wordpiece", "sentencepiece"])
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_shown_words_are_those_that_were_masked(
    tmp_path_factory, tiny, tokenizer, family, masking, data
):
    input_format = "conllu"
    if family != "lert":
        input_format = data.draw(st.sampled_from(["presegmented", "raw"]))
    vocab_file = tiny if tokenizer == "sentencepiece" else VOCAB
    processor = processor_of(vocab_file, tokenizer, family, masking, input_format)
    text = text_of(data.draw(SENTENCES), input_format).encode("utf-8")
    read = documents.read_documents([corpus.Source(text, "text", lambda: 0)], processor.settings)
    out = io.BytesIO()
    with captured() as made:
        processor.write_block(out, read, (0, 0), new_statistics(), lambda share: None)
    shard = tmp_path_factory.mktemp("shard") / "r"
    shard.write_bytes(out.getvalue())
    vocabulary = processor.vocabulary
    rows = read_rows(str(shard), len(vocabulary))
    wanted = [
        words
        for batch, corrupted in made
        for words in masked_words(batch, corrupted, vocabulary.tokens)
    ]
    is_masked = processor.settings.masking == "static"
    shown = [shown_words(show_row(row, vocabulary, None), is_masked) for row in rows]
    assert shown == wanted


@given(st.integers(1, 40), st.integers(1, 5), st.randoms(use_true_random=False))
def test_bits(length, rows, random):
    bits = np.array([[random.random() < 0.5 for _ in range(length)] for _ in range(rows)])
    packed = packed_bits(bits)
    assert packed.shape == (rows, -(-length // 7)) and packed.max() < 128
    for values, row in zip(packed, bits):
        assert unpacked_bits(values, length).tolist() == row.tolist()
        digits = "".join("{:07b}".format(value)[::-1] for value in values.tolist())
        assert digits[:length] == "".join("01"[bit] for bit in row.tolist())


def test_what_it_costs():
    """A record of 128 pieces grows by some four percent, one of single pieces not at all."""
    with_words, without = (
        encoding.RecordLayout(settings.stored_features(), 128, 20, 21128).size
        for settings in (CreationSettings(VOCAB), CreationSettings(VOCAB, masking_unit="wordpiece"))
    )
    assert 0 < with_words - without < 0.045 * without
    assert WORD_STARTS not in CreationSettings(VOCAB, masking="dynamic").stored_features()


def said_of(records, override=None, ltp_model=None):
    """What data.inspect says of the words of the first row."""
    path, description = next(iter(find_manifests([records]).items()), (None, {}))
    row = next(read_rows(records, len(Vocabulary(VOCAB))))
    return inspect._guess_of(path, description, override, ltp_model).origin(row)


def test_what_is_said_of_the_words(tmp_path):
    (masked,), _ = make(tmp_path, CORPUS[:1], dupe_factor=1)
    assert said_of(masked) == "words: as in the records"
    said = said_of(masked, "ltp", "nowhere")
    assert said == "words: as in the records; not used: --segmenter=ltp, --ltp_model=nowhere"
    (single,), _ = make(tmp_path / "s", CORPUS[:1], dupe_factor=1, masking_unit="wordpiece")
    assert said_of(single).startswith("words: none, the masks are of single pieces")
    os.remove(str(tmp_path / "s" / "_records.manifest.json"))
    guessed = "; the records do not hold them, and the words that were masked may be others"
    assert said_of(single) == "words: guessed by joining inner pieces" + guessed
    how = "words: guessed by rjieba, from the restored text"
    assert said_of(single, "rjieba") == how + guessed


@needs_golden
def test_words_of_records_of_the_original_program_are_guesses(run_script):
    result = run_script(
        "-m data.inspect", input_file=path("bert", "pretrain_wwm.tfrecord"),
        vocab_file=path("bert", "vocab.txt"), rows=2,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("words: guessed by joining inner pieces; the records") == 1
