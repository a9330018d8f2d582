"""Pretrain ELECTRA-style Korean language models: text in, Hugging Face model out."""

__version__ = "0.1.0"
