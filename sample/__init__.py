"""Texts, annotated sentences and what they are made into to try things out."""
