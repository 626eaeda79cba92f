"""The line on the devices of a run, with the driver and the GPUs of other machines."""

import types

import pytest
import tensorflow.compat.v1 as tf

from training.devices import this_machine

pytestmark = pytest.mark.tf1
T4 = "device: 0, name: Tesla T4, pci bus id: 0000:00:04.0, compute capability: 7.5"


@pytest.fixture
def driver(monkeypatch, tmp_path):
    """A function that makes the driver of this machine show GPUs; it shows none before."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(this_machine, "_DRIVER_FILES", str(tmp_path / "*" / "information"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def show(tool=None, model=None):
        if tool:
            (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n" + tool)
            (tmp_path / "nvidia-smi").chmod(0o700)
        if model:
            (tmp_path / "0000:00:04.0").mkdir()
            text = "Model: \t\t {}\nIRQ:   \t\t 10\n".format(model)
            (tmp_path / "0000:00:04.0" / "information").write_text(text)

    return show


@pytest.mark.parametrize("tool", [None, "echo no driver; exit 9"])
def test_a_machine_without_a_gpu(driver, tool):
    driver(tool)
    is_warning, line = this_machine.describe()
    assert not is_warning
    cores = "device: CPU, {} cores (no GPU found: ".format(this_machine.available_cores())
    assert line.startswith(cores), line


@pytest.mark.parametrize("hidden", ["", "-1", "none"])
def test_a_gpu_that_the_environment_hides(driver, monkeypatch, hidden):
    driver(model="Tesla T4")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    is_warning, line = this_machine.describe()
    assert is_warning
    assert "(Tesla T4 is not used: CUDA_VISIBLE_DEVICES={!r} hides it".format(hidden) in line


def test_a_gpu_without_cuda_for_tensorflow(driver, monkeypatch):
    driver(tool="echo NVIDIA A100; echo NVIDIA A100")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    build = {"cuda_version": "12.5.1", "cudnn_version": "9"}
    monkeypatch.setattr(tf.sysconfig, "get_build_info", lambda: build, raising=False)
    monkeypatch.setattr(tf.test, "is_built_with_cuda", lambda: False)
    is_warning, line = this_machine.describe()
    assert is_warning and "(NVIDIA A100, NVIDIA A100 is not used: this TensorFlow" in line
    assert "is built without CUDA; pip install 'tensorflow[and-cuda]==" + tf.__version__ in line
    monkeypatch.setattr(tf.test, "is_built_with_cuda", lambda: True)
    monkeypatch.setattr(this_machine, "_LIBRARIES_OF_PIP", "/nowhere")
    monkeypatch.setattr(this_machine, "_can_be_loaded", lambda name: name == "libcudart.so.12")
    assert "finds no libcudnn.so.9 of CUDA; pip install" in this_machine.describe()[1]
    monkeypatch.setattr(this_machine, "_can_be_loaded", lambda name: True)
    assert "an older driver than its CUDA 12.5.1 needs" in this_machine.describe()[1]


def test_gpus_that_are_used(driver, monkeypatch):
    driver(model="Tesla T4")
    shown = [
        types.SimpleNamespace(name="/device:GPU:0", physical_device_desc=T4, memory_limit=15e9)
    ]
    monkeypatch.setattr(tf.config.experimental, "list_physical_devices", lambda kind: ["one"])
    monkeypatch.setattr(this_machine, "gpus", lambda session_config: shown)
    assert this_machine.describe() == (False, "device: GPU Tesla T4, 15.0 GB of memory")
    shown *= 2
    only_first = "device: GPU Tesla T4, 15.0 GB of memory (the first of 2; --distribution=mirrored"
    assert this_machine.describe()[1].startswith(only_first)
    both = "device: GPU Tesla T4, 15.0 GB of memory, GPU Tesla T4, 15.0 GB of memory"
    assert this_machine.describe(takes_all=True) == (False, both)
