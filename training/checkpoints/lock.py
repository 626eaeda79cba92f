"""One training at a time in an output_dir."""

import contextlib
import fcntl
import hashlib
import json
import os
import socket
import time

from common import bounded_json, files, locks
from common.errors import UserError
from common.log import warn
from common.validation import is_count, is_object, is_object_of, is_text, is_text_or_null
from training.failures import output_errors

FILE_NAME = ".lock"
_MOST_CHARACTERS = 4096
# `is_held` has the lock for a moment.
_ATTEMPTS, _SECONDS_BETWEEN = 5, 0.05
# What a lock file says of the process that holds it.
_HOLDER = {"process": is_count, "host": is_text, "since": is_text, "job": is_text_or_null}


@contextlib.contextmanager
def hold(output_dir, job=None):
    """Context in which no other process trains in output_dir; readers need no lock.

    The lock is the operating system's (flock), so it ends with the process, however that ends.
    Remote directories (gs:// and the like) have none.

      with lock.hold(output_dir, lock.job_of(os.environ.get("TF_CONFIG"))):
          ...  # train

    Args:
      output_dir: created if it does not exist.
      job: name of a job of several processes, which share the lock; None: this process alone.

    Raises:
      UserError: another training holds the lock, or nothing can be written there.
    """
    if files.is_remote(output_dir):
        yield
        return
    is_new = not os.path.isdir(output_dir)
    with _locked(output_dir, job) as held:
        try:
            yield
        finally:
            # A run that was refused leaves no trace.
            if is_new and os.listdir(output_dir) == [FILE_NAME]:
                os.remove(held.name)
                os.rmdir(output_dir)


def is_held(output_dir):
    """Whether a training works in output_dir; False for a remote directory, which has no lock."""
    path = os.path.join(output_dir, FILE_NAME)
    if files.is_remote(output_dir) or not os.path.exists(path):
        return False
    with open(path, "rb") as held:
        return not locks.lock(held.fileno())


def _locked(output_dir, job):
    """The open lock file, locked."""
    while True:
        with output_errors(output_dir):
            files.make_directories(output_dir)
            held = files.open_lock(os.path.join(output_dir, FILE_NAME))
        _lock(held, output_dir, job)
        # Between open and lock, the holder may have removed the file, and another may have replaced
        # it: that lock would exclude nobody.
        if os.fstat(held.fileno()).st_nlink:
            return held
        held.close()


def job_of(tf_config):
    """Name of the job of several processes that this process belongs to.

    Args:
      tf_config: value of the environment variable TF_CONFIG, or None.

    Returns:
      A digest of the cluster's description, the same in all its processes; None without a cluster.

    Raises:
      UserError: tf_config is no JSON object.
    """
    try:
        value = bounded_json.decode(tf_config or "{}", strict=False)
    except ValueError:
        value = None
    if not is_object(value):
        raise UserError("TF_CONFIG in the environment is no JSON object: unset it")
    cluster = value.get("cluster")
    if not cluster:
        return None
    return hashlib.sha256(json.dumps(cluster, sort_keys=True).encode("utf-8")).hexdigest()


def _lock(held, output_dir, job):
    try:
        _take(held)
    except BlockingIOError:
        holder = _read(held)
        if job is None or holder is None or holder["job"] != job:
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


def _take(held):
    for attempt in range(_ATTEMPTS):
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_SECONDS_BETWEEN)


def _read(held):
    """The holder's entry in a lock, a dict; None while it is being written."""
    held.seek(0)
    try:
        holder = bounded_json.decode(held.read(_MOST_CHARACTERS))
    except ValueError:
        return None
    return holder if is_object_of(_HOLDER, holder) else None


def _write(held, holder):
    held.seek(0)
    held.truncate()
    held.write(json.dumps(holder))
    held.flush()


def _shown(holder):
    if holder is None:
        return "it has just begun"
    return "process {process} on {host} since {since}".format(**holder)
