"""What workers compute: each module has prepare(...) -> function of a number of steps."""
