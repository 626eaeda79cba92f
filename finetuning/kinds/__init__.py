"""Kinds of tasks: classification, tagging, reading comprehension, and the spans and windows that
they share.
"""
