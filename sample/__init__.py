"""The sample: texts, annotated sentences, and the trainer of small LTP models from them; nothing
that a program imports.
"""
