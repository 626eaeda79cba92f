"""Tools of every layer: errors, bounded JSON, files, options of families, progress and log lines,
and the names of features and tags that data and models share; no flags, no graphs.
"""
