"""Tests in an environment of their own, with transformers 5 and without TensorFlow.

scripts/test_transformers5.sh has the project's own environment convert the cases
(tests/support/runs/converted_cases.py), and names their folder in QUANCI_CONVERTED.
"""

import json
import os

import numpy as np
import pytest
import transformers_readings as readings


class Cases:
    """The converted directories, and what transformers 4 reads of them."""

    def __init__(self, folder):
        self._folder = folder
        self.facts = self._read(readings.MODELS)
        self.texts = self._read(readings.LINES)

    def directory(self, case):
        return os.path.join(self._folder, case)

    def tokenizer(self, case):
        return readings.read_tokenizer(self.directory(case))

    def of(self, case):
        return self.facts["cases"][case]

    def arrays(self, name):
        with np.load(os.path.join(self._folder, name)) as archive:
            return {key: archive[key] for key in archive.files}

    def _read(self, name):
        with open(os.path.join(self._folder, name), encoding="utf-8") as reader:
            return json.load(reader)


# Tests take their names as parameters, before any fixture is made.
CASES = Cases(os.environ["QUANCI_CONVERTED"])


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", sorted(CASES.facts["cases"]))


@pytest.fixture(scope="session")
def cases():
    return CASES
