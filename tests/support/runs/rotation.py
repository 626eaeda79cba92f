"""A process that saves checkpoints and removes old ones as a training does, but faster."""

import contextlib
import os
import subprocess
import sys
import time

# Saves the checkpoint MODEL as model.ckpt-STEP, the state file names it, the one before is removed.
_PROGRAM = """
import os, shutil, sys, time
model, folder, pause = sys.argv[1], sys.argv[2], float(sys.argv[3])
ENDINGS = (".data-00000-of-00001", ".index")
step = 0
while True:
    step += 5
    name = os.path.join(folder, "model.ckpt-%d" % step)
    for ending in ENDINGS:
        shutil.copy(model + ending, name + ".tempstate1")
        os.rename(name + ".tempstate1", name + ending)
    state = os.path.join(folder, "checkpoint")
    with open(state + ".new", "w") as f:
        f.write('model_checkpoint_path: "model.ckpt-%d"\\n' % step)
    os.rename(state + ".new", state)
    for ending in ENDINGS[::-1]:
        if step > 5:
            os.remove(os.path.join(folder, "model.ckpt-%d" % (step - 5) + ending))
    time.sleep(pause)
"""


@contextlib.contextmanager
def rotating(model, folder, pause=0.02):
    """Context in which another process saves in `folder` again and again.

    Args:
      model: prefix of the checkpoint that it saves.
      folder: an existing one.
      pause: seconds between two.
    """
    command = [sys.executable, "-c", _PROGRAM, str(model), str(folder), str(pause)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        while not os.path.exists(os.path.join(str(folder), "checkpoint")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        yield
        assert process.poll() is None, process.stderr.read()
    finally:
        process.kill()
        process.communicate()
