"""XLA's compilers for devices that are not there: what those of TPUs and of GPUs share."""
