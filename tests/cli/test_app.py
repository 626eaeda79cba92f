"""What absl refuses on the command line is one line in every script, and --help still helps."""

import pytest
import script_driver

SCRIPTS = ("run_pretraining.py", "run_finetuning.py", "run_prediction.py", "convert_checkpoint.py")
DATA_SCRIPTS = ("create_pretraining_data.py", "-m data.inspect", "-m data.build_vocab")


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


def test_help_lists_the_flags(run_script):
    done = run_script("run_prediction.py --help")
    assert "Predicts with a trained model from lines of text" in done.stdout
    assert "--bert_config_file" in done.stdout and "--pooling" in done.stdout
    assert done.stderr == ""
