"""Tables of similar words: their files, and how they are made of word vectors; nothing of rows."""
