"""The shipped sample: enough of it, varied, its vocabulary made by the command in the README."""

import collections
import glob
import os

import numpy as np
from conftest import ROOT

from data.similarity.table import read_table
from data.text.segmentation import make_segmenter
from data.text.sentences import split_sentences
from data.text.word_lists import pieces_of
from data.tokenizers.wordpiece import SPECIAL_TOKENS, Vocabulary

SAMPLE = os.path.join(ROOT, "sample")
CORPUS = sorted(glob.glob(os.path.join(SAMPLE, "corpus", "*.txt")))


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def documents():
    return [d for path in CORPUS for d in read(path).strip("\n").split("\n\n")]


def sentences():
    found = []
    for document in documents():
        found += [document[s:e] for s, e in zip(*split_sentences(document))]
    return found


def examples(name, folder="classification", labels=("0", "1")):
    header, *lines = read(os.path.join(SAMPLE, folder, name)).splitlines()
    assert header == "label\ttext_a"
    rows = [line.split("\t") for line in lines]
    assert all(len(row) == 2 and row[0] in labels and row[1].strip() for row in rows)
    return rows


def near_duplicates(texts, limit):
    """Pairs of texts that share more than `limit` of their character trigrams (Jaccard)."""
    grams = [{t[i : i + 3] for i in range(max(1, len(t) - 2))} for t in texts]
    holders = collections.defaultdict(list)
    for i, found in enumerate(grams):
        for gram in found:
            holders[gram].append(i)
    shared = collections.Counter()
    for members in holders.values():
        for i, a in enumerate(members):
            shared.update((a, b) for b in members[i + 1 :])
    return [
        (texts[a], texts[b])
        for (a, b), count in shared.items()
        if count / (len(grams[a]) + len(grams[b]) - count) > limit
    ]


def test_there_is_enough_and_no_near_duplicate():
    assert len(documents()) >= 80
    found = sentences()
    assert len(found) >= 600
    assert len(set(found)) == len(found)
    assert near_duplicates([s for s in found if len(s) > 6], 0.5) == []


def test_it_is_varied():
    text = "\n".join(documents())
    assert len(set(text)) > 2000
    for needed in "“”《》（）？！…；「」%0123456789abcABC臺體學會":
        assert needed in text, needed
    openings = collections.Counter(s[:4] for s in sentences())
    assert openings.most_common(1)[0][1] <= 8  # no template


def test_classification_examples():
    train, dev = examples("train.tsv"), examples("dev.tsv")
    assert len(train) >= 200 and len(dev) >= 50
    for rows in (train, dev):
        share = sum(label == "1" for label, _ in rows) / len(rows)
        assert 0.4 < share < 0.6
    assert near_duplicates([text for _, text in train + dev], 0.4) == []


def test_topics():
    topics = ("daily", "finance", "law", "medicine")
    rows = [examples(name, "topics", topics) for name in ("train.tsv", "dev.tsv")]
    counts = [collections.Counter(label for label, _ in split) for split in rows]
    assert counts == [dict.fromkeys(topics, 40), dict.fromkeys(topics, 12)]
    # New to the classifier, and to the model before it.
    known = sentences() + [text for split in rows for _, text in split]
    assert near_duplicates(known, 0.5) == []


def test_the_terms_are_in_the_corpus():
    text = "\n".join(documents())
    terms = read(os.path.join(SAMPLE, "terms.txt")).splitlines()
    assert len(set(terms)) == 20 and all(term in text for term in terms)


def test_the_sentences_to_classify_are_new():
    lines = read(os.path.join(SAMPLE, "sentences.txt")).splitlines()
    assert len(lines) == 6 and all(10 < len(line) < 60 for line in lines)
    known = [text for name in ("train.tsv", "dev.tsv") for _, text in examples(name)]
    assert near_duplicates(known + lines, 0.4) == []
    vocabulary = set(Vocabulary(os.path.join(SAMPLE, "vocab.txt")).tokens)
    assert sum(c not in vocabulary for c in "".join(lines)) == 0


def test_the_vocabulary_is_made_by_its_command(run_script, tmp_path):
    made = run_script(
        "-m data.build_vocab",
        input_file="sample/corpus/*.txt,sample/classification/train.tsv",
        output_file=str(tmp_path / "vocab.txt"),
        vocab_size=3500,
    )
    assert made.returncode == 0, made.stderr
    assert read(str(tmp_path / "vocab.txt")) == read(os.path.join(SAMPLE, "vocab.txt"))
    vocabulary = Vocabulary(os.path.join(SAMPLE, "vocab.txt"))
    assert tuple(vocabulary.tokens[:5]) == SPECIAL_TOKENS
    assert len(set(vocabulary.tokens)) == len(vocabulary)
    assert not [t for t in vocabulary.tokens if len(t) == 3 and t[0] == "#" and t[2] > "\u4e00"]


def test_similar_words_are_words_of_the_corpus_with_neighbours_of_as_many_pieces():
    table = read_table(os.path.join(SAMPLE, "similar_words.txt"))
    assert 100 <= len(table.words) <= 300
    text = "\n".join(map(read, CORPUS))
    none = np.zeros(0, np.int64)
    marks = make_segmenter("rjieba").words(text, none, none, lambda share: None).starts
    borders = [*np.flatnonzero(marks).tolist(), len(text)]
    words = collections.Counter(text[a:b] for a, b in zip(borders, borders[1:]))
    assert [word for word in table.words if not words[word]] == []
    vocabulary = Vocabulary(os.path.join(SAMPLE, "vocab.txt"))
    listed = sorted({*table.words, *(w for near in table.neighbours for w in near)})
    pieces, owners = pieces_of(listed, vocabulary.make_tokenizer(True))
    assert vocabulary.unk not in pieces.ids
    sizes = dict(zip(listed, np.bincount(owners).tolist()))
    for word, near in zip(table.words, table.neighbours):
        assert {sizes[other] for other in near} == {sizes[word]}
        # Neighbours of each other, where both have a line.
        lines = [table.neighbours[table.words.index(w)] for w in near if w in table.words]
        assert all(word in line for line in lines)
