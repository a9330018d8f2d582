"""Text in, text out: readers and rules. No TensorFlow here."""
