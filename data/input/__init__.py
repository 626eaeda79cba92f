"""The input pipeline of training: batches, their order, masks drawn on the fly; the only graphs
that `data` builds.
"""
