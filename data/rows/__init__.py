"""From pieces to training rows: word groups, instances, masks, and rows shown to people; nothing
of files.
"""
