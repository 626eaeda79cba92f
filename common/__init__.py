"""Tools of every layer: errors, bounded JSON, files, progress and log lines; no flags, no
graphs, nothing of a model or a record.
"""
