"""Clean text by a recipe of small rules."""
