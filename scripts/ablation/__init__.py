"""The parts of `scripts/ablate.py`: runs that differ in one field, and what they say together."""
