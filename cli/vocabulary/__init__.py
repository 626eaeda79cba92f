"""Models that get another vocabulary: with further words, or with a part of its rows."""
