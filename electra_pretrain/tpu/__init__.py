"""What is known of TPUs, and their real compiler, run without one. Neither TensorFlow nor JAX is imported but where needed."""
