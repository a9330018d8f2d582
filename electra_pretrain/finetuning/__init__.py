"""Fine-tune exported models on tasks and score them."""
