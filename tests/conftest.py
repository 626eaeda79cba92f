"""Shared by all tests: where the reference data lies, and running the scripts as a user does."""

import fcntl
import os
import subprocess
import sys

import hypothesis
import preloaded_python
import pytest
from fast_sessions import hurry
from places import ROOT, SHARED
from script_driver import run_many

# Tests import TensorFlow and transformers in any order; see common/pytorch.py.
sys.modules.setdefault("triton", None)

# The same examples in every run; others with --hypothesis-profile=default.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")

# In an environment of its own, see scripts/test_transformers5.sh.
collect_ignore = ["transformers5"]
if sys.version_info < (3, 10):
    # Data creation runs on Python 3.10 and above; these files need its libraries on import.
    collect_ignore += [
        "cli/test_corpus_flags.py",
        "cli/test_original_names.py",
        "data/test_shown_words.py",
        "data/tokenizers/test_reachability.py",
        "programs/test_extend_vocab.py",
        "scripts/test_commands_table.py",
        "data/recipes/test_albert_recipe.py",
        "data/test_creation.py",
        "data/recipes/test_electra_recipe.py",
        "data/rows/test_alignment.py",
        "programs/test_annotate_corpus.py",
        "data/text/test_conllu_text.py",
        "data/recipes/test_lert_recipe.py",
        "data/recipes/test_pert_recipe.py",
        "data/similarity/test_similar_words.py",
        "data/text/ltp/test_directory_check.py",
        "data/text/ltp/test_precision.py",
        "data/text/test_corpus.py",
        "test_docs.py",
        "data/test_creation_faults.py",
        "data/test_left_out.py",
        "data/recipes/test_full_rows.py",
        "data/recipes/test_sentence_pairs.py",
        "programs/pretraining/test_pair_training.py",
        "programs/pretraining/test_electra_preset.py",
        "programs/pretraining/test_cased_models.py",
        "data/recipes/test_pert_recipe.py",
        "programs/pretraining/test_macbert_training.py",
        "data/scan/test_scan_corpus.py",
        "data/test_creation_progress.py",
        "data/test_private_text.py",
        "data/text/test_encodings.py",
        "data/text/test_held_out.py",
        "test_hostile_files.py",
        "test_files_of_other_kinds.py",
        "data/jobs/test_creation_restart.py",
        "data/test_inspect.py",
        "data/rows/corruptions/test_masking.py",
        "scripts/test_quickstart.py",
        "programs/test_models_alone.py",
        "programs/test_streams.py",
        "sample/test_masked_words.py",
        "sample/test_sample.py",
        "sample/test_sample_annotations.py",
        "data/text/test_segmentation.py",
        "data/text/test_segmentation_errors.py",
        "data/text/test_spellings.py",
        "data/text/test_user_dictionary.py",
        "data/text/test_word_lists.py",
        "data/tokenizers/test_sentencepiece_pieces.py",
        "data/tokenizers/test_sentencepiece_errors.py",
        "data/tokenizers/test_huggingface_albert.py",
        "data/tokenizers/test_sentencepiece_records.py",
        "data/tokenizers/test_wordpiece.py",
        "sample/test_train_ltp.py",
    ]


def pytest_collection_finish():
    """TensorFlow is imported by now, if any test here needs it."""
    hurry()


# Begun first, the longest at the front: one at the end would run while another process idles. With
# --no-loadscope-reorder, which pytest-xdist has needed since it sorts files by their tests' number.
LONG_FILES = (
    "test_docs.py",
    "test_quickstart.py",
    "test_stopping.py",
    "test_run_finetuning.py",
    "test_annotate_corpus.py",
    "test_run_finetuning_electra.py",
    "test_tpu_graph.py",
    "test_xla.py",
    "test_run_pretraining_options.py",
    "test_strategies.py",
    "test_fuzz.py",
    "test_creation.py",
    "test_segmentation.py",
)


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    for item in items:
        if str(item.fspath).startswith(os.path.join(ROOT, "tests", "programs")):
            item.add_marker("programs")

    def place(item):
        name = os.path.basename(str(item.fspath))
        return LONG_FILES.index(name) if name in LONG_FILES else len(LONG_FILES)

    items.sort(key=place)


@pytest.fixture(scope="session")
def shared():
    """The folder of reference data beside the checkout; absent on a user's machine."""
    if not os.path.isdir(SHARED):
        pytest.skip("the reference data (../shared) is not here")
    return SHARED


@pytest.fixture(scope="session")
def run_script():
    """Runs `python NAME --flag=value ...` in a process of its own, in the project's folder."""

    def run(name, timeout=180, env=None, **flags):
        # Libraries read the environment while they are imported.
        command = [sys.executable if env else preloaded_python.shared()] + name.split()
        command += ["--{}={}".format(key, value) for key, value in flags.items()]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=dict(os.environ, **(env or {})),
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run


@pytest.fixture(scope="session")
def run_in_one():
    """Runs a script for each of several dicts of flags, like run_script, but all in one process."""

    def run(name, several):
        lines = [["--{}={}".format(*flag) for flag in flags.items()] for flags in several]
        done = run_many(name[: -len(".py")], lines)
        return [subprocess.CompletedProcess(line, *one) for line, one in zip(lines, done)]

    return run


@pytest.fixture(scope="session")
def one_line_error():
    """Checks that a script stopped with one clear line: no traceback, the words given in it."""

    def check(result, *words):
        assert result.returncode == 1, result.stderr
        errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, result.stderr
        assert "Traceback" not in result.stderr
        for word in words:
            assert word in errors[0], errors[0]

    return check


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Tiny LTP models: {"legacy": directory, "neural": directory}."""
    from ltp_models import build_legacy, build_neural

    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # that of all processes: made once
    made = {"legacy": str(root / "ltp_legacy"), "neural": str(root / "ltp_neural")}
    with open(str(root / "ltp.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (root / "ltp_made").exists():
            build_legacy(made["legacy"])
            build_neural(made["neural"])
            (root / "ltp_made").write_text("", encoding="utf-8")
    return made


@pytest.fixture(scope="session")
def spiece(tmp_path_factory):
    """A SentencePiece model of the sample corpus."""
    from sentencepiece_models import write_sample_model

    return write_sample_model(tmp_path_factory.mktemp("sentencepiece"))
