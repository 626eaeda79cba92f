"""What every layer may use: errors, bounded JSON, files, progress and log lines; no flags, no
graphs, nothing of a model or a record.
"""
