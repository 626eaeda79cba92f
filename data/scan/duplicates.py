"""Documents that are copies of earlier ones: equal, or nearly so by MinHash.

Equal documents have the same characters, blanks and line ends aside, by hashes of 64 bits. Near
copies share most of their stretches of five characters (Jaccard similarity): MinHash and
locality-sensitive hashing of the `datasketch` package (Broder 1997; Leskovec, Rajaraman, Ullman,
Mining of Massive Datasets, chapter 3).
"""

import numpy as np

from common.errors import UserError

EXACT, NEAR = "duplicates", "near_duplicates"
_VALUES = 128  # of a MinHash: its error is some 1 / sqrt(128)
_STRETCH = 5


def make_sketch():
    """The function of a text that gives its MinHash, uint32 [128].

    Raises:
      UserError: datasketch is not installed.
    """
    datasketch = _library()

    def sketch(text):
        places = range(max(1, len(text) - _STRETCH + 1))
        minhash = datasketch.MinHash(num_perm=_VALUES)
        minhash.update_batch(
            sorted({text[i : i + _STRETCH].encode("utf-8", "surrogatepass") for i in places})
        )
        return minhash.hashvalues

    return sketch


def _library():
    try:
        import datasketch
    except ImportError:
        raise UserError(
            "--near_duplicates needs the package datasketch, which is not installed: pip install "
            "datasketch"
        ) from None
    return datasketch


def first_copies(digests):
    """int64 [documents]: the first document with the same digest, -1 for the first ones themselves.

    Args:
      digests: uint64 [documents].
    """
    order = np.argsort(digests, kind="stable")
    is_first = np.ones(len(digests), bool)
    is_first[1:] = digests[order[1:]] != digests[order[:-1]]
    firsts = order[np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))]
    originals = np.full(len(digests), -1, np.int64)
    originals[order] = np.where(is_first, -1, firsts)
    return originals


def add_near_copies(originals, sketches, threshold):
    """Sets the originals of near copies.

    Args:
      originals: int64 [documents], of first_copies; changed.
      sketches: uint32 [documents, 128].
      threshold: least similarity of a copy, as the sketches estimate it.

    Returns:
      bool [documents]: the near copies.
    """
    datasketch = _library()
    scheme = datasketch.MinHash(num_perm=_VALUES).scheme
    index = datasketch.MinHashLSH(threshold=threshold, num_perm=_VALUES)
    is_near = np.zeros(len(originals), bool)
    for number in np.flatnonzero(originals < 0).tolist():
        values = sketches[number]
        minhash = datasketch.MinHash(num_perm=_VALUES, hashvalues=values, scheme=scheme)
        for other in sorted(index.query(minhash)):
            if np.mean(sketches[other] == values) >= threshold:
                originals[number], is_near[number] = other, True
                break
        else:
            index.insert(number, minhash, check_duplication=False)
    # Equal documents of a near copy are copies of what it is a copy of.
    equal = (originals >= 0) & ~is_near
    further = originals[originals[equal]]
    originals[equal] = np.where(further >= 0, further, originals[equal])
    return is_near
