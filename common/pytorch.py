"""PyTorch beside TensorFlow in one process."""

import sys


def keep_triton_out():
    """Prevents a crash: Triton, the compiler for GPUs that comes with PyTorch for CUDA, and
    TensorFlow 2.21 each bring LLVM, and Triton's ends the process where TensorFlow's is loaded.

    PyTorch works without Triton; it only compiles with it. To be called before torch, transformers
    or ltp are imported where TensorFlow may be loaded.
    """
    if "tensorflow" in sys.modules:
        sys.modules.setdefault("triton", None)
