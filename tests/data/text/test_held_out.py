"""Documents held out: whole ones, by their own text, the same whatever stands beside them."""

import json
import random
from types import SimpleNamespace

import numpy as np

from data.text import corpus, documents
from data.text.held_out import Side

TEXTS = ["第{}篇。它有两句！\n还有一段。".format(number) for number in range(400)]
OPTIONS = {"text_fields": ("text",), "normalize_quotes": False, "t2s": False}
HELD_OUT, REST = Side(0.2, True), Side(0.2, False)


def read(content, side, input_format="raw"):
    """([[sentence, ...] of each document], documents passed over)"""
    options = SimpleNamespace(
        input_format=input_format, max_sentence_chars=256, tag_set="ltp", **OPTIONS
    )
    source = corpus.Source(content.encode("utf-8"), "x", lambda: 0)
    found = documents.read_documents([source], options, side)
    spans = list(zip(found.starts.tolist(), found.ends.tolist()))
    borders = found.documents.tolist()
    sentences = [[found.text[s:e] for s, e in spans[a:b]] for a, b in zip(borders, borders[1:])]
    return sentences, found.passed_over


def test_a_corpus_is_divided_into_whole_documents():
    whole, none = read("\n\n".join(TEXTS), None)
    (held, others), (rest, _) = (read("\n\n".join(TEXTS), side) for side in (HELD_OUT, REST))
    assert (len(whole), none) == (400, 0) and others == len(rest)
    assert sorted(held + rest) == sorted(whole) and len(held) + len(rest) == 400
    assert 50 <= len(held) <= 110  # 80 +- 4 standard deviations
    assert held == [d for d in whole if d in held]  # in their order
    more, _ = read("\n\n".join(TEXTS), Side(0.4, True))
    assert all(document in more for document in held)  # a larger share only adds


def test_the_choice_depends_on_a_document_alone():
    held = {d[0] for d in read("\n\n".join(TEXTS), HELD_OUT)[0]}
    shuffled = random.Random(3).sample(TEXTS, 200)
    again = read("\n\n\n \n".join(shuffled + shuffled[:50]), HELD_OUT)[0]
    wanted = [t.split("。")[0] + "。" for t in shuffled + shuffled[:50]]
    assert [d[0] for d in again] == [first for first in wanted if first in held]
    lines = "\n".join(json.dumps({"text": text}) for text in TEXTS)
    assert {d[0] for d in read(lines, HELD_OUT, "jsonl")[0]} == held


def test_annotated_documents_keep_their_words():
    def sentence(number, word, new):
        lines = ["# newdoc"] * new
        lines += ["1\t第\t_\t_\tm\t_\t_\t_\t_\t_", "2\t{}\t_\t_\tn\t_\t_\t_\t_\t_".format(word)]
        return "\n".join(lines) + "\n"

    names = ["词" * (1 + number % 5) + str(number) for number in range(60)]
    content = "\n".join(
        sentence(i, name, new) for i, name in enumerate(names) for new in (True, False)
    )
    options = SimpleNamespace(input_format="conllu", tag_set="ltp", **OPTIONS)
    source = corpus.Source(content.encode("utf-8"), "x", lambda: 0)
    both = [documents.read_documents([source], options, side) for side in (HELD_OUT, REST)]
    seen = []
    for found in both:
        assert len(found.words.starts) == len(found.text)
        assert int(found.words.starts.sum()) == len(found.words.tags) == 2 * len(found.starts)
        begins = np.flatnonzero(found.words.starts)
        for start, end in zip(found.starts, found.ends):
            assert (begins[(begins >= start) & (begins < end)] - start).tolist() == [0, 2]
            seen.append(found.text[start + 2 : end])
        assert np.diff(found.documents).tolist() == [2] * (len(found.documents) - 1)
    assert sorted(seen) == sorted(names * 2)
    assert both[0].passed_over == len(both[1].documents) - 1 > both[1].passed_over > 0


def test_nothing_is_held_out():
    found, others = read("一。\n\n二。", Side(1e-9, True))
    assert (found, others) == ([], 2)
