"""What is compressed comes back, by its suffix; what is damaged is named."""

import io

import pytest

from electra_pretrain.core import compression
from electra_pretrain.core.errors import UserError

TEXT = ("같은 말을 하고 또 하고\n" * 500).encode()


@pytest.mark.parametrize("suffix", ["", *compression.SUFFIXES])
def test_there_and_back(suffix):
    path = f"part-00000.txt{suffix}"
    stored = compression.compressed(path, TEXT)
    assert stored == compression.compressed(path, TEXT), "the same bytes at any time"
    assert (len(stored) < len(TEXT) / 5) == bool(suffix)
    with compression.decompressed(path, io.BytesIO(stored)) as file:
        assert file.read() == TEXT
    assert compression.suffix_of(path) == suffix


@pytest.mark.parametrize("suffix", compression.SUFFIXES)
def test_damage_is_named(suffix):
    with (
        pytest.raises(UserError, match=f"a.txt{suffix}: damaged or truncated compressed file"),
        compression.decompressed(f"a.txt{suffix}", io.BytesIO(b"\x00no such thing\xff" * 10)) as file,
    ):
        file.read()
