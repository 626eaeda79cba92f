"""Calls of functions in a process of their own."""

import os
import signal
import sys
import time

import pytest

from common import separate_process
from common.errors import UserError

HERE = "test_separate_process"


def double(number):
    print("this is no reply")
    return 2 * number


def refuse():
    raise UserError("not so")


def fail():
    raise KeyError("why")


def import_missing():
    import no_such_package  # noqa: F401


def end_itself(number):
    os.kill(os.getpid(), number)


def modules():
    return sorted(sys.modules)


def process_number():
    return os.getpid()


@pytest.fixture(autouse=True)
def findable(monkeypatch):
    monkeypatch.syspath_prepend(os.path.dirname(__file__))
    # Other tests' process has their standard error and their modules.
    monkeypatch.setattr(separate_process._Process, "_current", None)


def test_results_come_back_from_one_other_process(capfd):
    assert separate_process.call(HERE, "double", 21) == 42
    assert separate_process.call(HERE, "double", [1]) == [1, 1]
    assert "this is no reply" in capfd.readouterr().err
    number = separate_process.call(HERE, "process_number")
    assert number == separate_process.call(HERE, "process_number") != os.getpid()


def test_it_has_none_of_the_modules_here():
    pytest.importorskip("numpy")
    assert "numpy" in sys.modules or __import__("numpy")
    assert "numpy" not in separate_process.call(HERE, "modules")


def test_errors_come_back():
    with pytest.raises(UserError, match=r"^not so$"):
        separate_process.call(HERE, "refuse")
    with pytest.raises(UserError, match=r"^no_such_package cannot be imported: No module named"):
        separate_process.call(HERE, "import_missing")
    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*in fail.*KeyError: 'why'"):
        separate_process.call(HERE, "fail")
    assert separate_process.call(HERE, "double", 1) == 2


def test_a_process_that_ends_is_an_error_and_the_next_call_has_another():
    with pytest.raises(UserError, match=HERE + r".end_itself ended with signal 11"):
        separate_process.call(HERE, "end_itself", int(signal.SIGSEGV))
    assert separate_process.call(HERE, "double", 2) == 4


def test_it_ends_with_the_one_that_asks():
    number = separate_process.call(HERE, "process_number")
    separate_process._Process._current.end()
    for _ in range(100):
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            break
        time.sleep(0.05)
    else:
        raise AssertionError("it is still there")
    assert separate_process.call(HERE, "double", 3) == 6


def test_a_fork_has_a_process_of_its_own():
    number = separate_process.call(HERE, "process_number")
    child = os.fork()
    if child == 0:
        os._exit(separate_process.call(HERE, "process_number") == number)
    assert os.waitpid(child, 0)[1] == 0
    assert separate_process.call(HERE, "process_number") == number
