"""From text to TFRecord shards, and from shards back to batches."""
