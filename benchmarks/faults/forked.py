"""Programs of the project in forked processes, killed before a chosen file operation.

    forked.load_hook()  # starts this process again, once, with the hook in it
    forked.preload()
    running = forked.Running("run_pretraining.py", flags, folder, log, kill_before=17)
    code = running.wait(300)

A fork saves the seconds that imports take. The hook, die_before.c, is compiled at the start.
"""

import atexit
import ctypes
import importlib
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "die_before.c")
# Names the folder of the compiled hook to the process that is started with it.
_FOLDER = "QUANCI_FAULTS_FOLDER"
_PRELOADED = ("torch", "transformers.models.bert.modeling_bert")
_POLL_SECONDS = 0.005


def load_hook():
    """Compiles the hook and starts this program again with it; returns in the second process.

    Raises:
      OSError: there is no C compiler.
      subprocess.CalledProcessError: it failed.
    """
    if _FOLDER in os.environ:
        os.environ.pop("LD_PRELOAD")
        return
    folder = tempfile.mkdtemp(prefix="kills-")
    library = os.path.join(folder, "die_before.so")
    subprocess.run(
        [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-o", library, _SOURCE]
        + ["-ldl", "-lpthread"],
        check=True,
    )
    environment = dict(os.environ, LD_PRELOAD=library)
    environment[_FOLDER] = folder
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)


def work_folder():
    """The temporary folder of this run; whoever calls load_hook() removes it."""
    return os.environ[_FOLDER]


def preload():
    """Imports what takes long to import; opens no session, which a fork would not survive."""
    from common import pytorch
    from training import estimators

    estimators.load()
    pytorch.keep_triton_out()
    for name in _PRELOADED:
        importlib.import_module(name)


class Running:
    """A program in a process of its own.

    Attributes:
      pid: of the process.
      code: its exit code, negative for a signal; None while it runs.
    """

    def __init__(self, program, flags, folder, log, kill_before=0):
        """Starts the program.

        Args:
          program: name of a program, or of a module as "-m data.inspect".
          flags: list of words.
          folder: the operations below it are counted.
          log: path of a file for its output; beside it, as LOG.operations, is the list of its
            file operations.
          kill_before: number of the operation before which it is killed, from 1; 0: none.
        """
        self.code = None
        self._log, self._trace = log, log + ".operations"
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            try:
                code = _become(program, flags, folder, log, self._trace, kill_before)
            except BaseException:
                traceback.print_exc()
                code = 70
            sys.stdout.flush()
            os._exit(code)

    def poll(self):
        """The exit code, None while the program runs."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def wait(self, seconds):
        """The exit code; a program that runs longer is killed, which is a TimeoutError."""
        until = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > until:
                self.send(signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise TimeoutError("longer than {} s: {}".format(seconds, self.output()[-2000:]))
            time.sleep(_POLL_SECONDS)
        return self.code

    def send(self, number):
        """Sends a signal to the program if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def output(self):
        """The text of its standard output and standard error so far."""
        with open(self._log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def operations(self):
        """List of the file operations so far, as texts."""
        with open(self._trace, encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()


def _become(program, flags, folder, log, trace, kill_before):
    """Runs a program in this process; returns its exit code."""
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    with open(log, "wb") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    sys.stdin, sys.stdout = os.fdopen(0, "r"), os.fdopen(1, "w")
    sys.stderr = os.fdopen(2, "w", buffering=1)
    to = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o666)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(ROOT)
    is_module = program.startswith("-m ")
    sys.argv[:] = [program.split()[-1], *flags]
    sys.path[0] = ROOT
    hook = ctypes.CDLL(os.path.join(work_folder(), "die_before.so"))
    hook.faults_arm(os.fsencode(folder), ctypes.c_long(kill_before), to)
    try:
        if is_module:
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv[0] = os.path.join(ROOT, program)
            runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as error:
        code = _code_of(error)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    return code


def _code_of(error):
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    print(error.code, file=sys.stderr)
    return 1
