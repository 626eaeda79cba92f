"""How vocabularies are made: from a corpus, or of another one by words put in or rows picked."""
