"""What every room stands on: files, errors, progress, random bits, the batch."""
