"""Pieces of random words, and rows of them, for tests of rows and masks."""

import numpy as np

from data.rows import instances, pairs


class Ids:
    """Stands for a vocabulary: only the special ids are asked for."""

    pad, unk, cls, sep, mask = range(5)


RANDOM_IDS = np.arange(1000, 2000, dtype=np.int32)


def make_unit(rng, documents=6, longest_sentence=30, longest_word=4):
    """A unit of random words; piece ids count up, so that all pieces differ."""
    sentence_lengths, document_sentences = [], []
    for _ in range(documents):
        count = int(rng.integers(1, 8))
        document_sentences.append(count)
        sentence_lengths += rng.integers(1, longest_sentence + 1, count).tolist()
    sentences = np.concatenate([[0], np.cumsum(sentence_lengths)])
    starts = np.zeros(sentences[-1], dtype=bool)
    at = 0
    while at < len(starts):
        starts[at] = True
        at += int(rng.integers(1, longest_word + 1))
    starts[sentences[:-1]] = True
    ids = np.arange(len(starts), dtype=np.int32) + 5000
    borders = np.concatenate([[0], np.cumsum(document_sentences)])
    return instances.UnitPieces(ids, starts, sentences, borders)


def assemble(unit, rows, length):
    return instances.assemble(unit, instances.group_numbers(unit.group_starts), rows, length, Ids)


def rows_of(kind, unit, length, seed):
    """Row ranges of a kind: nsp, order or full."""
    if kind == "nsp":
        return pairs.nsp_pairs(unit, length, 0.2, seed)
    if kind == "order":
        return pairs.sentence_order_pairs(unit, length, 0.2, seed)
    return pairs.full_pairs(unit, length, seed)
