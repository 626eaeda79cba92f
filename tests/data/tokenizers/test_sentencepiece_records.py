"""Data creation with a SentencePiece model: the words of every source, tags, workers."""

import numpy as np
import pytest
import sentencepiece_models
from creation_runs import contents, make

from common.tags import KINDS, TAGS
from data.creation import RecordWork
from data.creation_settings import CreationSettings
from data.inspection import ShownRow, show_row
from data.record_processor import new_statistics
from data.records.checks import record_contents
from data.rows.display import word_starts
from data.text import corpus, documents
from data.text.segmentation import make_segmenter
from data.tokenizers.vocabularies import read_vocabulary

SETTINGS = {"tokenizer": "sentencepiece", "dupe_factor": 1}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model that knows few words."""
    return sentencepiece_models.write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("segmenter", ["rjieba", "none"])
def test_any_number_of_workers_makes_the_same_bytes(tmp_path, spiece, segmenter):
    options = dict(SETTINGS, vocab_file=spiece, segmenter=segmenter)
    (paths, manifest), (others, other) = (
        make(tmp_path / str(workers), workers=workers, names=("a", "b"), **options)
        for workers in (1, 2)
    )
    assert contents(paths) == contents(others)
    vocabulary = read_vocabulary(spiece)
    assert manifest["tokenizer"] == manifest["flags"]["tokenizer"] == "sentencepiece"
    assert manifest["vocab_sha256"] == vocabulary.sha256 == other["vocab_sha256"]
    assert manifest["vocab_size"] == len(vocabulary) == 3000
    assert 0.12 < manifest["masked_share"] < 0.16
    assert (manifest["unaligned_words"] > 0) == (segmenter != "none")
    ids = {
        i for path in paths for row in record_contents.read_features(path) for i in row["input_ids"]
    }
    assert ids <= set(range(3000)) and {vocabulary.cls, vocabulary.sep, vocabulary.mask} <= ids


def test_another_model_makes_the_records_anew(tmp_path, spiece, tiny):
    first = make(tmp_path, vocab_file=spiece, **SETTINGS)[1]
    second = make(tmp_path, vocab_file=tiny, **SETTINGS)[1]
    assert first["fingerprint"] != second["fingerprint"]
    assert second["vocab_size"] == len(read_vocabulary(tiny))


def groups_of(path, text, **options):
    """Groups of the pieces of a text, and how many words did not align."""
    settings = CreationSettings(path, tokenizer="sentencepiece", **options)
    processor, statistics = RecordWork(settings).make_processor(), new_statistics()
    source = corpus.Source(text.encode("utf-8"), "text", lambda: 0)
    read = documents.read_documents([source], settings)
    unit, numbers = processor.prepare(read, statistics, lambda share: None)
    groups = {}
    for i, number in zip(unit.ids, numbers):
        groups.setdefault(int(number), []).append(processor.vocabulary.tokens[i])
    return [" ".join(group) for group in groups.values()], statistics["unaligned_words"]


def test_presegmented_words(tiny):
    """Blanks between words that are not of letters are not in the text that the model sees."""
    text = "今天 天 气 很 好 hello hello 书 1,000 books 图书馆看\n图书 馆"
    groups, unaligned = groups_of(tiny, text, input_format="presegmented")
    assert groups == [
        *("▁今天", "天气", "很", "好", "h e l l o", "▁hello", "书", "1 , 000", "▁book s"),
        *("图书馆 看", "▁", "图书馆"),
    ]
    assert unaligned == 4  # 天 气 and 图书 馆 are one piece each


def test_words_of_a_segmenter(tiny):
    groups, unaligned = groups_of(tiny, "今天天气很好\n图书馆看books")
    assert groups == ["▁今天 天气", "很", "好", "▁ 图书馆", "看", "book s"]
    assert unaligned == 0
    groups, unaligned = groups_of(tiny, "今天天气很好\n图书馆看books", segmenter="none")
    assert groups == ["▁今天", "天气", "很", "好", "▁ 图书馆", "看", "book s"]


CONLLU = """# newdoc
# text = 今天天气好
1\t今天\t_\tNOUN\tnt\t_\t3\tADV\t_\tSpaceAfter=No
2\t天气\t_\tNOUN\tn\t_\t3\tSBV\t_\tSpaceAfter=No
3\t好\t_\tADJ\ta\t_\t0\tHED\t_\tSpaceAfter=No

"""


def test_tags_of_words(tiny):
    settings = CreationSettings(
        tiny, tokenizer="sentencepiece", objective="lert", input_format="conllu", short_seq_prob=0
    )
    processor, statistics = RecordWork(settings).make_processor(), new_statistics()
    source = corpus.Source(CONLLU.encode("utf-8"), "text", lambda: 0)
    unit, numbers = processor.prepare(
        documents.read_documents([source], settings), statistics, lambda share: None
    )
    assert numbers.tolist() == [0, 1, 2]
    assert unit.tags.tolist() == [
        [TAGS[kind].index(tag) if tag else -1 for kind, tag in zip(KINDS, row)]
        for row in (("nt", None, "ADV"), ("n", None, "SBV"), ("a", None, "HED"))
    ]


def test_rows_for_people(tiny):
    vocabulary = read_vocabulary(tiny)
    tokens = ["[CLS]", "▁今天", "天气", "▁", "图书馆", "▁book", "s", "[SEP]"]
    original = np.array([vocabulary.ids[token] for token in tokens])
    ids = original.copy()
    ids[2] = vocabulary.mask
    row = ShownRow(ids, original, np.array([2]), len(ids), 0, None)
    expected = "[CLS] ▁今天 [MASK]<-天气 (▁ 图书馆) (▁book s) [SEP]"
    assert show_row(row, vocabulary, None) == expected
    of_words = expected.replace("▁今天 [MASK]<-天气", "(▁今天 [MASK]<-天气)")
    assert show_row(row, vocabulary, make_segmenter("rjieba")) == of_words
    groups = np.array([0, 1, 1, 2, 3, 4, 5, 0])
    assert show_row(row._replace(starts=word_starts(groups, 0)), vocabulary, None) == (
        "[CLS] (▁今天 [MASK]<-天气) ▁ 图书馆 ▁book s [SEP]"
    )
