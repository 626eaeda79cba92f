"""Corpora of given sizes and the reference that data creation is measured against."""
