"""Keep TensorFlow's start-up chatter, which ignores the log level, from burying a command's own lines."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from electra_pretrain.core import messages


@contextlib.contextmanager
def stderr_aside() -> Iterator[None]:
    """Put standard error (the file descriptor, C++ included) aside, to show if the block fails; not with `--verbose`."""
    if messages.is_verbose():
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        except Exception:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def import_tensorflow() -> None:
    """Import TensorFlow, without its chatter unless `--verbose` asks for it.

    Raises:
        ModuleNotFoundError: TensorFlow is not installed.
    """
    if "tensorflow" in sys.modules:
        return
    if not os.environ.get("TF_CPP_MIN_LOG_LEVEL"):
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0" if messages.is_verbose() else "2"
    with stderr_aside():
        import tensorflow  # noqa: F401


def start_tensorflow() -> None:
    """Import TensorFlow and let it look for devices, of which it also tells."""
    import_tensorflow()
    import tensorflow as tf

    with stderr_aside():
        tf.config.list_logical_devices()
