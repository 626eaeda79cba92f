"""A scan of a corpus before anything is made of it: encodings, faults of lines, duplicates."""
