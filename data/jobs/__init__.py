"""From a plan of units to finished shards: jobs, processors, shards, restarts; nothing of what a
unit is made into.
"""
