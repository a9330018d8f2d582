"""Optimiser, metrics, checkpoints, devices and the training loop."""
