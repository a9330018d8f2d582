"""Text: files of every format read as documents, whole or in blocks."""
