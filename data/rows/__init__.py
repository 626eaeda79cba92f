"""From pieces to training rows: word groups, instances, masks, and rows as text; nothing
of files.
"""
