"""One training at a time in an output_dir."""

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import time

from common import bounded_json, files
from common.errors import UserError
from common.log import warn
from training.failures import output_errors

FILE_NAME = ".lock"


@contextlib.contextmanager
def hold(output_dir, job=None):
    """Keeps other trainings out of output_dir; readers do not ask.

    The lock is the operating system's: it goes with the process, however that ends. There is none
    on gs:// and the like.

    Args:
      output_dir: made where it is not there.
      job: name of a job of several processes, which share the lock; None: this process alone.

    Raises:
      UserError: another training works there, or nothing can be written there.
    """
    if files.is_remote(output_dir):
        yield
        return
    is_new = not os.path.isdir(output_dir)
    with _locked(output_dir, job) as held:
        try:
            yield
        finally:
            # A run that was refused leaves nothing.
            if is_new and os.listdir(output_dir) == [FILE_NAME]:
                os.remove(held.name)
                os.rmdir(output_dir)


def _locked(output_dir, job):
    """The open lock file, locked."""
    while True:
        with output_errors(output_dir):
            files.make_directories(output_dir)
            held = files.open_lock(os.path.join(output_dir, FILE_NAME))
        _lock(held, output_dir, job)
        # Between the two the holder may have removed the file, and another one be there now.
        if os.fstat(held.fileno()).st_nlink:
            return held
        held.close()


def job_of(tf_config):
    """Name of the job that TF_CONFIG (its text, or None) makes this process a part of, or None."""
    try:
        cluster = json.loads(tf_config or "{}").get("cluster")
    except (ValueError, AttributeError, RecursionError):
        raise UserError("TF_CONFIG in the environment is no JSON object: unset it") from None
    if not cluster:
        return None
    return hashlib.sha256(json.dumps(cluster, sort_keys=True).encode("utf-8")).hexdigest()


def _lock(held, output_dir, job):
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _read(held)
        if job is None or holder.get("job") != job:
            raise UserError(
                "another training works in --output_dir {} ({}); wait for it, stop it, or use "
                "another --output_dir".format(output_dir, _shown(holder))
            ) from None
        fcntl.flock(held, fcntl.LOCK_SH)
        return
    except OSError as error:
        warn(
            "{} cannot be locked ({}): see that only one training runs there".format(
                output_dir, error.strerror
            )
        )
        return
    _write(
        held,
        {
            "process": os.getpid(),
            "host": socket.gethostname(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
            "job": job,
        },
    )
    if job is not None:
        fcntl.flock(held, fcntl.LOCK_SH)


def _read(held):
    held.seek(0)
    try:
        holder = bounded_json.decode(held.read(4096))
    except ValueError:  # just being written
        return {}
    return holder if isinstance(holder, dict) else {}


def _write(held, holder):
    held.seek(0)
    held.truncate()
    held.write(json.dumps(holder))
    held.flush()


def _shown(holder):
    if not holder:
        return "it has just begun"
    return "process {} on {} since {}".format(
        *(holder.get(k) for k in ("process", "host", "since"))
    )
