"""The numbers of the original programs (see golden/README.md there), for tests."""

import json
import os

import numpy as np
import pytest
from places import SHARED

GOLDEN = os.path.join(SHARED, "golden")

needs_golden = pytest.mark.skipif(
    not os.path.isdir(GOLDEN), reason="{} is not there".format(GOLDEN)
)


def path(*parts):
    """Absolute path of a golden file."""
    return os.path.join(GOLDEN, *parts)


def arrays(*parts):
    """The arrays of an .npz file, as a dict."""
    with np.load(path(*parts)) as archive:
        return {name: archive[name] for name in archive.files}


def settings(*parts):
    """The content of a JSON file."""
    with open(path(*parts), encoding="utf-8") as reader:
        return json.load(reader)


def batch_features(case):
    """A case's inputs under the names of record features."""
    features = arrays(case, "inputs.npz")
    if "token_type_ids" in features:
        features["segment_ids"] = features.pop("token_type_ids")
    return features
