"""TensorFlow's import: without the chatter that ignores the log level, and without a TPU that the process does not use."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from electra_pretrain.core import messages

# "0": TensorFlow's TPU build does not load libtpu, which takes hold of this machine's chips for one process.
LOAD_LIBRARY = "TPU_LOAD_LIBRARY"
# By these TensorFlow finds a TPU through PJRT; its import loads what they name.
PJRT_VARIABLES = ("NEXT_PLUGGABLE_DEVICE_USE_C_API", "TF_PLUGGABLE_DEVICE_LIBRARY_PATH", "PJRT_DEVICE")
_takes_tpu = _left_tpu = False


def take_tpu() -> None:
    """Let the import reach for this machine's TPU; to be called before it."""
    global _takes_tpu
    assert not _left_tpu, "TensorFlow was imported, without the TPU, before it was told that it is to use it"
    if os.environ.get(LOAD_LIBRARY) == "0":  # from a parent process that used none
        del os.environ[LOAD_LIBRARY]
    _takes_tpu = True


def leave_tpu() -> None:
    """Keep the import from this machine's TPU, for a server on it or another process may hold it."""
    os.environ.setdefault(LOAD_LIBRARY, "0")
    for name in PJRT_VARIABLES:
        os.environ.pop(name, None)


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
    """Import TensorFlow, without its chatter unless `--verbose` asks for it, and without the TPU but for `take_tpu`.

    Raises:
        ModuleNotFoundError: TensorFlow is not installed.
    """
    global _left_tpu
    if "tensorflow" in sys.modules:
        return
    if not _takes_tpu:
        leave_tpu()
        _left_tpu = True
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
