"""Examples as rows for a model, and its logits as predictions: one file a kind of example."""
