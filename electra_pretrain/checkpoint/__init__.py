"""Checkpoints: which there are, reading, writing, averaging, weights to start from."""
