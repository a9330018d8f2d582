"""The trainer and its loop: records, devices, optimiser, metrics, what is checked before a start."""
