"""From text to pieces of a vocabulary: WordPiece, SentencePiece, vocabularies, the tokenizer files
of Hugging Face; no words, no rows.
"""
