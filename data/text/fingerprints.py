"""Fingerprints of documents, by which copies are found.

Documents with the same characters, blanks and line ends aside, have the same fingerprint.
"""

import hashlib

# Documents of a corpus of which copies are counted; fewer are counted all.
SAMPLED = 2048


def solid(text):
    """A text without blanks and line ends."""
    return "".join(text.split())


def solid_texts(documents):
    """List of str: the text of each document of a documents.Documents without blanks."""
    starts = documents.starts[documents.documents[:-1]].tolist()
    ends = documents.ends[documents.documents[1:] - 1].tolist()
    return [solid(documents.text[s:e]) for s, e in zip(starts, ends)]


def fingerprint(text):
    """64 bits of a text, as an int."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest(), "little")


def sample(counts):
    """The smallest fingerprints of {fingerprint in hexadecimal: count}, SAMPLED of them.

    They are a random sample of the different documents, and as each of them is in every sample that
    it was ever counted in, their counts stay exact when samples are added (bottom-k sketches: Cohen
    and Kaplan, Summarizing data using bottom-k sketches, 2007).
    """
    return {name: counts[name] for name in sorted(counts)[:SAMPLED]}


def copies_share(counts):
    """Share of documents that are copies of others, by a sample; 0 without documents."""
    total = sum(counts.values())
    return (total - len(counts)) / total if total else 0.0
