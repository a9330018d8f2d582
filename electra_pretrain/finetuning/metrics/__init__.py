"""Scores as the publishers of each task compute them."""
