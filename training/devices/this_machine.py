"""What this machine computes on: its GPUs, or its CPU and why there is no GPU or none is used."""

import ctypes
import glob
import os
import re
import shutil
import subprocess
import sysconfig

from common import lazy_tensorflow
from common.lazy_tensorflow import tf
from common.processes import available_cores

_DRIVER_FILES = "/proc/driver/nvidia/gpus/*/information"
_LIBRARIES_OF_PIP = os.path.join(sysconfig.get_path("purelib"), "nvidia", "*", "lib")
_MODEL = re.compile(r"^Model:\s*(.+?)\s*$", re.MULTILINE)
_DEVICE_NAME = re.compile(r"name: ([^,]+)")
_ANSWER_SECONDS = 20
_INSTALL = "pip install 'tensorflow[and-cuda]=={}'"


def gpus(session_config=None):
    """The GPUs that TensorFlow uses here, as its DeviceAttributes.

    Initializes them, how much memory is taken included.

    Args:
      session_config: ConfigProto of the sessions that follow, None: they have none.
    """
    lazy_tensorflow.load()
    from tensorflow.python.client import device_lib

    devices = device_lib.list_local_devices(session_config)
    return [device for device in devices if device.device_type == "GPU"]


def describe(takes_all=False, session_config=None):
    """The line of the log on the devices of a run that is on no TPU.

    Args:
      takes_all: whether the run is on all GPUs; else it is on the first one.
      session_config: see `gpus`.

    Returns:
      (is_warning, line): a GPU that is there and is not used is a warning.
    """
    # Without a session: where there is no GPU, none is initialized.
    if tf.config.experimental.list_physical_devices("GPU"):
        return False, "device: " + _describe_gpus(gpus(session_config), takes_all)
    is_warning, reason = why_no_gpu()
    return is_warning, "device: CPU, {} cores ({})".format(available_cores(), reason)


def why_no_gpu():
    """Why TensorFlow uses no GPU here.

    Returns:
      (whether there is one, clause that says what to do).
    """
    names = _names_of_driver()
    if not names:
        return False, "no GPU found: no NVIDIA GPU, or no driver for it, is on this machine"
    return True, "{} is not used: {}".format(", ".join(names), _why_unused())


def _describe_gpus(devices, takes_all):
    used = devices if takes_all else devices[:1]
    shown = ", ".join(
        "GPU {}, {:.1f} GB of memory".format(_name(device), device.memory_limit / 1e9)
        for device in used
    )
    if len(used) < len(devices):
        shown += " (the first of {}; --distribution=mirrored takes all)".format(len(devices))
    return shown


def _name(device):
    found = _DEVICE_NAME.search(device.physical_device_desc)
    return found.group(1) if found else device.name


def _names_of_driver():
    """Names of the NVIDIA GPUs that the driver shows, whether or not TensorFlow can use them."""
    names = []
    for path in sorted(glob.glob(_DRIVER_FILES)):
        with open(path, encoding="utf-8", errors="replace") as reader:
            names += _MODEL.findall(reader.read())
    return names or _names_of_tool()


def _names_of_tool():
    """As nvidia-smi shows them: under Windows' Linux there are no files of the driver."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    try:
        done = subprocess.run(
            [tool, "--query-gpu=name", "--format=csv,noheader"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=_ANSWER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []  # a driver that does not answer shows no GPU
    return [] if done.returncode else [line.strip() for line in done.stdout.splitlines()]


def _why_unused():
    """Why TensorFlow sees none of the GPUs that are there, in a sentence that says what to do."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and not re.match(r"\s*(\d|GPU-|MIG-)", visible):
        return "CUDA_VISIBLE_DEVICES={!r} hides it; unset it".format(visible)
    install = _INSTALL.format(tf.__version__)
    if not tf.test.is_built_with_cuda():
        return "this TensorFlow {} is built without CUDA; {}".format(tf.__version__, install)
    missing = _missing_libraries()
    if missing:
        return "TensorFlow {} finds no {} of CUDA; {}".format(
            tf.__version__, ", ".join(missing), install
        )
    return (
        "TensorFlow {} cannot use it; TF_CPP_MIN_LOG_LEVEL=0 before the command shows why, often "
        "an older driver than its CUDA {} needs".format(tf.__version__, _build("cuda_version"))
    )


def _build(key):
    """A version of what TensorFlow was built with; "" where it does not say."""
    info = getattr(tf.sysconfig, "get_build_info", dict)()
    return str(info.get(key, ""))


def _missing_libraries():
    """File names of the libraries of CUDA that TensorFlow needs and that cannot be loaded.

    It finds those that are installed by pip beside it, and those of the system.
    """
    cuda, cudnn = (_build(key).split(".")[0] for key in ("cuda_version", "cudnn_version"))
    return [
        name + version
        for name, version in (("libcudart.so.", cuda), ("libcudnn.so.", cudnn))
        if version
        and not glob.glob(os.path.join(_LIBRARIES_OF_PIP, name + version))
        and not _can_be_loaded(name + version)
    ]


def _can_be_loaded(library):
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
