"""The devices that a run computes on: tf.distribute strategies and Cloud TPUs; not what is
computed there.
"""
