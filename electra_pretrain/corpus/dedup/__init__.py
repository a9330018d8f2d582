"""Leave out of a corpus what occurred before."""
