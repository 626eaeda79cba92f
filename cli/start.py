"""The imports of a program, before it has flags: silent, or one line where they fail.

TensorFlow writes greetings to standard error while it is imported, from 2.16 on whatever
TF_CPP_MIN_LOG_LEVEL says, and packages that do not fit together fail in a traceback of their own.
"""

import contextlib
import importlib.util
import os
import sys
import traceback

from common import terminal
from common.errors import UserError
from common.greetings import without_greetings

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Shown where imports fail: what most often does not fit.
_PACKAGES = ("tensorflow", "tensorflow-estimator", "numpy", "protobuf")


@contextlib.contextmanager
def watched_imports():
    """Context of the imports of a program.

      with watched_imports():
          from cli import run_flags

    Exits with code 1 and one line where a package is missing or does not fit. A fault of this
    project's own modules is raised.
    """
    terminal.open_closed()
    # Read when TensorFlow is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if importlib.util.find_spec("tf_keras"):
        # Keras 3 imports scikit-learn, most of a second; nothing here uses any Keras.
        os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    try:
        with without_greetings():
            yield
    except Exception as error:
        if _is_own(error):
            raise
        terminal.complain("error: " + _explanation(error))
        terminal.drop_unwritable()
        sys.exit(1)


def _is_own(error):
    """Whether an exception comes from this project's modules, and not from those they import."""
    if isinstance(error, (ImportError, UserError)):
        return (getattr(error, "name", None) or "").split(".")[0] in _own_packages()
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    # An environment may lie in the project's folder.
    return raised_in.startswith(_ROOT + os.sep) and "site-packages" not in raised_in


def _own_packages():
    return {name for name in os.listdir(_ROOT) if os.path.isdir(os.path.join(_ROOT, name))}


def _explanation(error):
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return (
            "the Python package {} is not installed for {}; take the environment that "
            "scripts/quickstart.sh makes (source .venv/bin/activate), or install the versions of "
            "requirements/".format((error.name or "?").split(".")[0], sys.executable)
        )
    return (
        "the Python packages do not fit together: {}: {}; here are Python {}, {}; install the "
        "versions of requirements/ (`{} -m pip check` says which package wants what)".format(
            type(error).__name__,
            " ".join(str(error).split()),
            ".".join(map(str, sys.version_info[:3])),
            ", ".join(versions()),
            sys.executable,
        )
    )


def versions():
    """Yields the installed versions of the packages that most often do not fit together."""
    try:
        from importlib import metadata
    except ImportError:  # Python 3.7
        import importlib_metadata as metadata
    for package in _PACKAGES:
        try:
            yield "{} {}".format(package, metadata.version(package))
        except metadata.PackageNotFoundError:
            yield "no " + package
