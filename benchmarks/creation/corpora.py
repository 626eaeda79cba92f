"""Corpora made of the documents of another one: of given sizes, or with some of them held out."""

import itertools
import os
import random
from typing import NamedTuple

MEGABYTE = 10**6
ONE_DOCUMENT_IN = 20  # is held out


class Corpus(NamedTuple):
    """Text on disk, made of whole documents; `characters` counts line ends, too."""

    path: str
    megabytes: float
    characters: int


def read_documents(paths):
    """Documents as bytes, each with the blank line after it."""
    documents = []
    for path in paths:
        with open(path, "rb") as f:
            for blank, lines in itertools.groupby(f, lambda line: not line.strip()):
                if not blank:
                    documents.append(b"".join(lines).rstrip(b"\n") + b"\n\n")
    return documents


def write_corpus(documents, megabytes, path):
    """Whole documents in order up to `megabytes` (None: all); then shuffled ones, again and again.

    Returns:
      Corpus.
    """
    wanted = sum(map(len, documents)) if megabytes is None else megabytes * MEGABYTE
    rng, order, size, characters = random.Random(1), documents, 0, 0
    with open(path, "wb") as f:
        while size < wanted:
            for document in order:
                f.write(document)
                size += len(document)
                characters += len(document.decode("utf-8"))
                if size >= wanted:
                    break
            order = rng.sample(documents, len(documents))
    return Corpus(path, size / MEGABYTE, characters)


def write_corpora(paths, sizes, folder):
    """{name: Corpus} of {name: megabytes}, and "start_up"."""
    documents = read_documents(paths)
    corpora = {
        name: write_corpus(documents, megabytes, os.path.join(folder, name + ".txt"))
        for name, megabytes in sizes.items()
    }
    corpora["start_up"] = write_start_up_corpus(documents, os.path.join(folder, "start_up.txt"))
    return corpora


def write_start_up_corpus(documents, path):
    """Two documents of two sentences: next to no work."""
    lines = b"".join(documents).split(b"\n")
    sentences = [line for line in lines if line.strip()][:4]
    with open(path, "wb") as f:
        f.write(b"\n".join(sentences[:2]) + b"\n\n" + b"\n".join(sentences[2:]) + b"\n")
    return Corpus(path, 0.0, 0)


def split_documents(documents, folder):
    """Writes train.txt and dev.txt: every twentieth document is held out, both in another order."""
    dev = documents[::ONE_DOCUMENT_IN]
    train = [d for i, d in enumerate(documents) if i % ONE_DOCUMENT_IN]
    for name, chosen in (("train", train), ("dev", dev)):
        with open(os.path.join(folder, name + ".txt"), "wb") as f:
            f.write(b"".join(random.Random(1).sample(chosen, len(chosen))))
