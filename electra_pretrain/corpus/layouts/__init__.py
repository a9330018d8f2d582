"""How corpora are handed out: each layout, from the bytes of a file to its records."""
