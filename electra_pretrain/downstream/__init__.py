"""How good is a model: fine-tuning on Korean and Chinese tasks, scores, and tables of them."""
