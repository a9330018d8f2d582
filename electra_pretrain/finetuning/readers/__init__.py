"""Publishers' files as examples."""
