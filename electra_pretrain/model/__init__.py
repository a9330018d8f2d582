"""Networks and the training objective, as plain `tf.Module`, named as the released checkpoints name them."""
