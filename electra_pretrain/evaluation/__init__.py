"""Scores of many checkpoints: sweeps, results, reports, and what others published."""
