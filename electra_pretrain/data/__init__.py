"""From documents to records, and from records to batches."""
