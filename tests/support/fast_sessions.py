"""Makes TensorFlow quicker on the tiny graphs of tests, in the process that calls hurry().

Grappler takes longer to optimise such graphs than they take to run, and Python's garbage collector
goes through all of TensorFlow again and again while graphs are built. Neither has a part in what
the project computes, but for the last bit of a float. Scripts that tests start as a user does, in a
process of their own, have both.
"""

import gc
import sys


def hurry():
    """Sessions without Grappler from here on, fewer collections; nothing without TensorFlow."""
    session = sys.modules.get("tensorflow.python.client.session")
    if session is None or hasattr(session.BaseSession, "in_no_hurry"):
        return
    start = session.BaseSession.__init__

    def start_without_grappler(self, target="", graph=None, config=None):
        chosen = session.config_pb2.ConfigProto()
        if config is not None:
            chosen.CopyFrom(config)
        chosen.graph_options.rewrite_options.disable_meta_optimizer = True
        start(self, target, graph, chosen)

    session.BaseSession.in_no_hurry = start
    session.BaseSession.__init__ = start_without_grappler
    gc.collect()
    gc.freeze()
    gc.set_threshold(20000, 10, 5)
