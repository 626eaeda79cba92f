"""A Python that has TensorFlow and PyTorch imported: preloaded_python.py SOCKET serves it.

Each program that is asked for runs in a forked process of its own, as `python PROGRAM ...` or
`python -m MODULE ...` would; only the seconds that imports take are saved. install() puts into a
folder a `python` that asks for it.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import importlib.util
import json
import multiprocessing.spawn  # noqa: F401  (it notes the interpreter, before a run changes it)
import os
import pathlib
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

PRELOADED = ("torch", "transformers.models.bert.modeling_bert")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# In place of `python`. What is neither a program nor a module goes to the interpreter itself.
CLIENT = """#!{python} -IS
import json, os, socket, sys
words = sys.argv[1:]
if not words or not (words[0] == "-m" or words[0].endswith(".py")):
    os.execv({python!r}, [{python!r}] + words)
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect({address!r})
    message = json.dumps([__file__, words, os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(connection, [b"x"], [0, 1, 2])
    connection.sendall(message)
    connection.shutdown(socket.SHUT_WR)
    answer = connection.recv(8)
sys.exit(int(answer) if answer else "the preloaded Python is gone")
"""


@contextlib.contextmanager
def install(folder, address):
    """Writes `python` into a folder; it works until the block ends.

    Args:
      folder: pathlib.Path.
      address: pathlib.Path of a socket that is not there.
    """
    server = _start(folder, address)
    try:
        yield
    finally:
        server.kill()
        server.communicate()


@functools.lru_cache(maxsize=None)
def shared():
    """Path of a `python` of this kind that works as long as this process."""
    if sys.version_info < (3, 9):  # its sockets send no open files
        return sys.executable
    folder, owner = pathlib.Path(tempfile.mkdtemp(prefix="preloaded-")), os.getpid()
    server = _start(folder, folder / "socket")

    def end():
        if os.getpid() == owner:  # not in what it has forked
            server.kill()
            server.communicate()
            shutil.rmtree(str(folder), ignore_errors=True)

    atexit.register(end)
    return str(folder / "python")


def _start(folder, address):
    """Writes `python` into a folder; returns the process that serves it, which is ready."""
    client = folder / "python"
    client.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    client.chmod(0o700)
    server = subprocess.Popen(
        [sys.executable, __file__, str(address)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert server.stdout.readline() == b"ready\n"
    return server


def serve(address):
    """Waits for programs; returns in a process of its own for each, with what is to be run. Ends
    when standard input does, which is the end of who has started it."""
    preload()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(8)
    print("ready", flush=True)
    while True:
        if sys.stdin in select.select([listener, sys.stdin], [], [])[0]:
            sys.exit()
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            continue
        listener.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _, streams, _, _ = socket.recv_fds(connection, 1, 3)
        with connection.makefile("rb") as reader:
            asked = json.load(reader)
        program = os.fork()
        if not program:
            connection.close()
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            # The old ones remember what was below them.
            sys.stdin, sys.stdout = os.fdopen(0, "r"), os.fdopen(1, "w")
            sys.stderr = os.fdopen(2, "w", buffering=1)
            return asked
        _, status = os.waitpid(program, 0)
        code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        connection.sendall(str(code).encode())
        os._exit(0)


def preload():
    """Imports what takes long, but keeps no module of the project: a program has its own."""
    sys.path.insert(0, ROOT)
    importlib.import_module("training.estimators").load()
    importlib.import_module("common.pytorch").keep_triton_out()
    for name in PRELOADED:
        if importlib.util.find_spec(name.split(".")[0]):
            importlib.import_module(name)
    sys.path.remove(ROOT)
    rooms = {name for name in os.listdir(ROOT) if os.path.isdir(os.path.join(ROOT, name))}
    for name in [name for name in sys.modules if name.split(".")[0] in rooms]:
        del sys.modules[name]
    # A collection in a forked process would make it copy all that these libraries hold.
    gc.collect()
    gc.freeze()


def become(python, words, folder, environment):
    """Runs a program or module as the main one of this process."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.executable = python
    if words[0] == "-m":
        sys.argv[:] = words[1:]
        sys.path[0] = folder
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = words
        sys.path[0] = os.path.dirname(os.path.realpath(words[0]))
        sys.path[1:1] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    become(*serve(sys.argv[1]))
