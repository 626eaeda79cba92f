"""Text as it comes: files cut into units, documents, sentences, words and their tags; no pieces of
a vocabulary.
"""
