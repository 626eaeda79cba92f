"""Help of the programs: their flags by topic with what is needed first, and the version."""
