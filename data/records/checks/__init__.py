"""Whether record files are whole: verification, its processes, and copies of damaged files without
the damage.
"""
