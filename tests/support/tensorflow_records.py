"""TFRecord files by TensorFlow's own means, to hold ours against."""

import tensorflow as tf


def write(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def read(path):
    return list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
