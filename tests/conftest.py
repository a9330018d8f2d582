"""Four virtual CPUs for all tests, and a small config, vocabulary and folder of records to share."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import dataclasses
from pathlib import Path

import pytest
import tensorflow as tf

from electra_pretrain.config import Config

NUM_CPUS = 4
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * NUM_CPUS)

DATA = Path(__file__).parent / "data"
SAMPLE_CORPUS = Path(__file__).parent.parent / "electra_pretrain" / "sample_corpus"


def changed(config: Config, **sections: dict[str, object]) -> Config:
    """A config with some fields of some sections replaced."""
    return dataclasses.replace(
        config, **{name: dataclasses.replace(getattr(config, name), **fields) for name, fields in sections.items()}
    )


@pytest.fixture
def one_device():
    return tf.distribute.OneDeviceStrategy("/cpu:0")
