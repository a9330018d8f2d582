"""What the process imports from which all cases are forked; nothing here may start a thread or compute with TensorFlow."""

import gc
import importlib
import os
import pkgutil

import electra_pretrain

COMMANDS = sorted(name for _, name, is_package in pkgutil.iter_modules(electra_pretrain.__path__) if not is_package)
# Behind imports within functions.
ROOMS = ("records", "corpus", "tokenization", "convert", "checkpoint", "train", "evaluation", "plot", "model", "config", "core")

importlib.import_module("tensorflow")
for name in (*COMMANDS, "corpus.cleaning.pipeline", "corpus.dedup.pipeline", "corpus.stats.pipeline", "records.inspect.facts"):
    importlib.import_module(f"electra_pretrain.{name}")
for room in ROOMS:
    for _, name, is_package in pkgutil.iter_modules([os.path.join(electra_pretrain.__path__[0], room)]):
        if not is_package:
            importlib.import_module(f"electra_pretrain.{room}.{name}")
for package in ("tokenizers", "safetensors.numpy", "pyarrow.parquet", "zstandard", "google_crc32c", "matplotlib.pyplot"):
    importlib.import_module(package)
gc.collect()
gc.freeze()
