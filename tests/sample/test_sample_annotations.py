"""The shipped annotations are well-formed, varied and in LTP's tag sets."""

import collections
import glob
import os

import conllu
import pytest
from conftest import ROOT

from common import tags
from sample import conllu_files

PATHS = sorted(glob.glob(os.path.join(ROOT, "sample", "annotations", "*.conllu")))


@pytest.fixture(scope="module")
def sentences():
    """All sentences as the conllu library has them."""
    found = []
    for path in PATHS:
        with open(path, encoding="utf-8") as f:
            found += conllu.parse(f.read())
    return found


def ancestors(heads, word):
    """The words above a word, the root's 0 last."""
    above = []
    while word:
        word = heads[word - 1]
        assert word not in above, "a circle"
        above.append(word)
    return above


def is_projective(heads):
    """Whether every word between a word and its head is below that head."""
    for word, head in enumerate(heads, 1):
        between = range(min(word, head) + 1, max(word, head))
        if any(head not in ancestors(heads, inner) for inner in between):
            return False
    return True


def test_what_is_projective():
    assert is_projective([2, 0, 2]) and is_projective([0])
    assert not is_projective([3, 0, 2, 1])


def test_there_is_enough(sentences):
    assert len(sentences) >= 170
    lengths = [len(sentence) for sentence in sentences]
    assert sum(6 <= length <= 25 for length in lengths) >= 170 and max(lengths) <= 25
    assert len({word["form"] for sentence in sentences for word in sentence}) > 1400
    for key in ("text", "sent_id"):
        assert len({sentence.metadata[key] for sentence in sentences}) == len(sentences)


def test_columns_and_text(sentences):
    for sentence in sentences:
        assert [word["id"] for word in sentence] == list(range(1, len(sentence) + 1))
        for word in sentence:
            unused = [word["lemma"], word["upos"], word["feats"], word["deps"]]
            assert all(value in (None, "_") for value in unused)
            assert set(word["misc"]) <= {"NER", "SpaceAfter"} and "NER" in word["misc"]
        spaced = "".join(
            word["form"] + " " * ("SpaceAfter" not in word["misc"]) for word in sentence
        )
        assert spaced == sentence.metadata["text"]


def test_every_document_is_named():
    for path in PATHS:
        with open(path, encoding="utf-8") as f:
            lines = f.read().split("\n")
        assert lines[0].startswith("# newdoc id = ")
        assert not any("\r" in line or line != line.strip() for line in lines)
        assert lines[-2:] == ["", ""] and "" not in lines[-3:-2]
        documents = [line for line in lines if line.startswith("# newdoc")]
        assert len(set(documents)) == len(documents) >= 3


def test_trees(sentences):
    for sentence in sentences:
        heads = [word["head"] for word in sentence]
        assert all(0 <= head <= len(heads) for head in heads)
        roots = [word for word in sentence if word["head"] == 0 or word["deprel"] == "HED"]
        assert len(roots) == 1 and roots[0]["deprel"] == "HED", sentence.metadata["text"]
        assert all(ancestors(heads, word)[-1] == 0 for word in range(1, len(heads) + 1))
        assert is_projective(heads), sentence.metadata["text"]
        for word in sentence:
            assert (word["xpos"] == "wp") == (word["deprel"] == "WP")


def test_tags(sentences):
    words = [word for sentence in sentences for word in sentence]
    found = {
        "pos": collections.Counter(word["xpos"] for word in words),
        "ner": collections.Counter(word["misc"]["NER"] for word in words),
        "dep": collections.Counter(word["deprel"] for word in words),
    }
    assert set(found["pos"]) == set(tags.POS) - {"%"}
    assert set(found["ner"]) == set(tags.NER)
    assert set(found["dep"]) == set(tags.DEP)


def test_entities(sentences):
    follows = {"O": "OSB", "S": "OSB", "E": "OSB", "B": "IE", "I": "IE"}
    for sentence in sentences:
        ner = ["O"] + [word["misc"]["NER"] for word in sentence] + ["O"]
        for before, after in zip(ner, ner[1:]):
            assert after[0] in follows[before[0]], sentence.metadata["text"]
            assert after[0] not in "IE" or after[1:] == before[1:]
        for word in sentence:  # names of persons and places are entities
            assert word["xpos"] not in ("nh", "ns", "ni") or word["misc"]["NER"] != "O"


def test_relations_fit_their_words(sentences):
    """Prepositions have their object, adjuncts stand on their side of the head."""
    for sentence in sentences:
        for word in sentence:
            name, head = word["deprel"], word["head"]
            parent = sentence[head - 1] if head else None
            where = (sentence.metadata["text"], word["form"])
            assert (name == "POB") <= (parent is not None and parent["xpos"] == "p"), where
            assert name not in ("ATT", "ADV", "LAD", "FOB") or word["id"] < head, where
            assert name not in ("RAD", "CMP", "COO", "IOB", "DBL") or word["id"] > head, where
            # Only a quotation may stand before its verb.
            assert name != "VOB" or word["id"] > head or "”" in sentence.metadata["text"], where
            assert (word["xpos"] == "u") <= (name in ("RAD", "ADV")), where


def test_the_reader_of_the_trainer_agrees(sentences):
    read = conllu_files.read(PATHS)
    assert conllu_files.tasks_of(read) == ["cws", "pos", "ner", "dep"]
    assert [s.text for s in read] == [s.metadata["text"] for s in sentences]
    assert [s.words for s in read] == [[w["form"] for w in s] for s in sentences]
    assert [s.heads for s in read] == [[w["head"] for w in s] for s in sentences]
    assert [s.ner for s in read] == [[w["misc"]["NER"] for w in s] for s in sentences]
