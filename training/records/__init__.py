"""Records of a run: whether they agree, their files, and the objective and masks that they state;
nothing of models and sessions.
"""
