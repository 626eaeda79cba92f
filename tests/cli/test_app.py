"""What absl refuses on the command line is one line in every script, and --help still helps."""

import errno
import os
import re
import signal
import time

import flag_probe
import pytest
import script_driver
from conftest import ROOT

from cli.app import one_line
from common.errors import UserError
from common.version import VERSION

SCRIPTS = ("run_pretraining.py", "run_finetuning.py", "run_prediction.py", "convert_checkpoint.py")
DATA_SCRIPTS = (
    "create_pretraining_data.py",
    "-m data.inspect",
    "-m data.build_vocab",
    "-m data.extend_vocab",
)


@pytest.mark.parametrize("script", SCRIPTS + DATA_SCRIPTS)
def test_an_unknown_flag_is_one_line(run_script, script):
    # Near enough to the name of a flag that each script has.
    guess = "vocab_fil" if script != "-m data.build_vocab" else "vocab_siz"
    done = run_script(script, **{guess: "é"})
    expected = "error: Unknown command line flag '{0}'. Did you mean: {0}e ?\n".format(guess)
    assert (done.returncode, done.stderr, done.stdout) == (1, expected, "")


CASES = (
    ("--optimizer=lam", "--optimizer=lam: value should be one of <adamw|lamb|lamb_albert>"),
    ("--num_train_steps=1e5", "--num_train_steps=1e5: must be a whole number"),
    ("--num_train_steps=", "--num_train_steps=: must be a whole number"),
    ("--learning_rate=5e-4x", "--learning_rate=5e-4x: must be a number"),
    ("--do_train=ja", "--do_train=ja: must be true or false"),
    ("--output_dir", "Missing value for flag --output_dir"),
    ("--no\nflag", "Unknown command line flag 'no\\nflag'"),
)


@pytest.mark.tf1
def test_wrong_values_are_one_line():
    done = script_driver.run_many("run_pretraining", [[argument] for argument, _ in CASES])
    for (_, message), (code, out, err) in zip(CASES, done):
        assert (code, out) == (1, "")
        assert err.startswith("error: " + message) and err.count("\n") == 1, err


def test_help_and_version_are_no_errors(run_script):
    done = run_script("run_prediction.py --help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Predicts with a trained model from lines of text" in done.stdout
    assert "--config_file=FILE, --bert_config_file" in done.stdout and "--pooling" in done.stdout
    screen = run_script("-m data.inspect -h")
    assert (screen.returncode, screen.stderr) == (0, "")
    assert screen.stdout.startswith("usage: python -m data.inspect ")
    with open(os.path.join(ROOT, "setup.py"), encoding="utf-8") as f:
        assert 'version="{}"'.format(VERSION) in f.read()
    done = run_script("run_pretraining.py --version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"quanci {} \(Python 3\..*tensorflow \d".format(VERSION), done.stdout)


def test_a_flag_under_two_names_is_refused_and_under_either_the_same():
    task = ["--do_eval", "--input_file=" + __file__, "--output_dir=o"]
    lines = [
        ["--config_file=a", "--bert_config_file=b"],
        ["--random_seed=7", "--seed=7"],
        [*task, "--bert_config_file=/nowhere"],
        [*task, "--config_file=/nowhere"],
    ]
    done = script_driver.run_many("run_pretraining", lines)
    for (code, _, err), words in zip(
        done,
        (
            "--config_file and --bert_config_file are two names of one flag; remove one",
            "--random_seed and --seed are two names of one flag; remove one",
            "model config /nowhere does not exist",
            "model config /nowhere does not exist",
        ),
    ):
        assert code == 1 and words in err, err


NUMBERS = ("nan", "inf", "-inf", "1e300", "-1e10"), ("3000000000", "-" + "9" * 30)
PROGRAMS = {
    "create_pretraining_data": "masked_lm_prob",
    "annotate_corpus": "batch_size",
    "data.inspect": "rows",
    "data.build_vocab": "vocab_size",
    "sample.train_ltp": "epochs",
    "run_prediction": "top_k",
    "run_finetuning": "num_train_epochs",
    "run_pretraining": "learning_rate",
}


@pytest.mark.parametrize("script", PROGRAMS)
def test_no_number_that_no_flag_means(script):
    """Every flag of every program that holds a number."""
    floats, integers = NUMBERS
    done = flag_probe.parse_numbers(script, floats, integers)
    assert PROGRAMS[script] in {name for name, _, _, _ in done}
    for name, value, code, err in done:
        assert code == 1 and err.count("\n") == 1, (name, value, err)
        # absl has limits of its own for some flags.
        assert err.startswith("error: --{}=".format(name)), err
        assert "must " in err or "should be" in err or "is not a" in err, err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "out of memory; close other programs"),
        (OSError(errno.EMFILE, "Too many open files"), "too many open files; raise the limit"),
        (OSError(errno.ENOSPC, "No space left on device"), "no space left on the disk"),
        (RuntimeError("can't start new thread"), "the system starts no more processes"),
        (UserError("\x1b[2J" + "a" * 5000), "\\x1b[2Jaaa"),
    ],
)
def test_shortages_are_one_line(capsys, error, words):
    def main(argv):
        raise error

    assert one_line(main)(["x"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: " + words) and err.count("\n") == 1 and len(err) < 4200


@pytest.mark.parametrize("error", [OSError(errno.EIO, "x"), RuntimeError("x"), ValueError("x")])
def test_what_is_a_fault_of_ours_keeps_its_traceback(error):
    def main(argv):
        raise error

    with pytest.raises(type(error)):
        one_line(main)(["x"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_unwinds_and_the_second_ends(capsys, number):
    seen = []

    def main(argv):
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        except Exception:  # whoever expects any failure of a library
            seen.append("taken for a failure")
        finally:
            seen.append([signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)])

    # Whoever started the tests may ignore signals, as nohup and background jobs do.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert one_line(main)(["x"]) == 128 + number
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [[signal.SIG_DFL, signal.SIG_DFL]]
    assert capsys.readouterr().err == (
        "stopped by {}: nothing unfinished is kept; the same command starts anew\n".format(
            signal.Signals(number).name
        )
    )


def test_signals_are_handled_as_before_afterwards():
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    assert one_line(lambda argv: 3)(["x"]) == 3
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before
