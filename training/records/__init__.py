"""Records of a run: whether they agree, their files, and the objective and masks that follow
from them; no graphs and sessions.
"""
