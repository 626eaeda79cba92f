"""The input pipeline of training: batches, their order, corruption drawn in training. All graphs of
`data` are built here, with the sampler of data/rows/corruptions/graph_sampling.py.
"""
