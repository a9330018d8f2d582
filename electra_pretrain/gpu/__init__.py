"""NVIDIA's GPUs: which cards there are, which this machine has, their compiler without a card."""
