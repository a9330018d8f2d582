"""Files of this machine that are none, and reading that fails: told by name."""

import os

import pytest

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError


def test_what_is_no_file_is_refused_at_once(tmp_path):
    """A pipe into which nobody writes would be waited for; a device may never end."""
    pipe, device = tmp_path / "pipe.txt", tmp_path / "device.txt"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    for path in (pipe, device):
        with pytest.raises(UserError, match=rf"{path}: is a device or a pipe"):
            files.read_bytes(str(path))


@pytest.mark.parametrize("read", [lambda file: file.read(), lambda file: file.read(3), lambda file: list(file)])
def test_reading_that_fails_names_the_file(tmp_path, read):
    path = tmp_path / "broken.txt"
    path.symlink_to("/proc/self/mem")  # opens, and holds nothing at its beginning
    with files.open_raw(str(path)) as file, pytest.raises(OSError, match="broken.txt"):
        read(file)
