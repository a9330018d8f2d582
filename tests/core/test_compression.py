"""What is compressed comes back, by its suffix; what is damaged is named."""

import io
import random

import pytest
import zstandard

from electra_pretrain.core import compression
from electra_pretrain.core.errors import Damaged, UserError

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
        compression.decompressed(f"a.txt{suffix}", io.BytesIO(compression.compressed(suffix, TEXT)[:8] + bytes(99))) as file,
    ):
        file.read()


@pytest.mark.parametrize("suffix", compression.SUFFIXES)
@pytest.mark.parametrize("other", [".gz", ".xz", ".zst", ".bz2", "text", "pointer"])
def test_what_is_not_what_its_name_promises_is_told(suffix, other):
    """To fetch it again would not help."""
    stored = compression.compressed(other, TEXT) if other != "pointer" else b"version https://git-lfs.github.com/spec/v1\noid"
    ways_out = {"text": "if it is not compressed, take the suffix away", "pointer": "git lfs pull"}
    if other == suffix:
        return
    with (
        pytest.raises(Damaged, match=rf"a{suffix}: not \w+, as {suffix} promises, .*{ways_out.get(other, f'name it {other}')}"),
        compression.decompressed(f"a{suffix}", io.BytesIO(stored)) as file,
    ):
        file.read()


@pytest.mark.parametrize("window", [28, 31])
def test_frames_of_zstd_long_are_read(window):
    """Of `zstd --long=31` too; by itself the library refuses more than 128 MiB, which are 27."""
    settings = zstandard.ZstdCompressionParameters.from_level(1, window_log=window, enable_ldm=True)
    writer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    stored = writer.compress(TEXT) + writer.flush()  # without its size, which would be the window
    assert zstandard.get_frame_parameters(stored).window_size == 1 << window
    assert text_of(".zst", stored) == TEXT


def test_a_dictionary_is_missed_and_nothing_is_called_damaged():
    samples = [f"문장 {number} 이다 {number * number}".encode() for number in range(3000)]
    trained = zstandard.train_dictionary(2000, samples)
    stored = zstandard.ZstdCompressor(dict_data=trained).compress(samples[7])
    with (
        pytest.raises(Damaged, match=r"a\.zst: compressed with a dictionary, .*: zstd -d -D DICTIONARY \("),
        compression.decompressed("a.zst", io.BytesIO(stored)) as file,
    ):
        file.read()


@pytest.mark.parametrize("suffix", compression.SUFFIXES)
@pytest.mark.parametrize("missing", [1, 30])
def test_what_is_cut_short_is_named(suffix, missing):
    stored = compression.compressed(suffix, random.Random(0).randbytes(9000).hex().encode())
    with (
        pytest.raises(Damaged, match=f"a.txt{suffix}: damaged or truncated compressed file"),
        compression.decompressed(f"a.txt{suffix}", io.BytesIO(stored[:-missing])) as file,
    ):
        file.read()


def text_of(suffix, stored):
    """None where the file is named as damaged."""
    try:
        with compression.decompressed(f"a{suffix}", io.BytesIO(stored)) as file:
            return file.read()
    except Damaged:
        return None


@pytest.mark.parametrize("suffix", compression.SUFFIXES)
def test_every_flipped_bit_is_noticed_or_changes_no_text(suffix):
    """Not a byte of the text: a header's hours and flags that nobody reads have no checksum."""
    stored = compression.compressed(suffix, TEXT[:60])
    for bit in range(8 * len(stored)):
        flipped = bytearray(stored)
        flipped[bit // 8] ^= 1 << bit % 8
        assert text_of(suffix, bytes(flipped)) in (None, TEXT[:60]), bit


@pytest.mark.parametrize("suffix", compression.SUFFIXES)
def test_every_cut_is_noticed_but_between_whole_streams(suffix):
    first, second = (compression.compressed(suffix, part) for part in (TEXT[:60], b"end\n"))
    stored = first + second
    whole = [length for length in range(len(stored) + 1) if text_of(suffix, stored[:length]) is not None]
    assert whole == [len(first), len(stored)]


@pytest.mark.parametrize("suffix", compression.SUFFIXES)
@pytest.mark.parametrize("junk", [b"x", b"junk", b"\1" * 1000])
def test_what_stands_behind_the_end_is_noticed(suffix, junk):
    stored = compression.compressed(suffix, TEXT[:60])
    assert text_of(suffix, stored + junk) is None
    assert text_of(suffix, stored + stored[: len(stored) // 2]) is None


@pytest.mark.parametrize("suffix", compression.SUFFIXES)
def test_files_joined_are_one_file(suffix):
    stored = b"".join(compression.compressed(suffix, part) for part in (TEXT, b"", b"end\n"))
    with compression.decompressed(f"a{suffix}", io.BytesIO(stored)) as file:
        assert file.read() == TEXT + b"end\n"


@pytest.mark.parametrize("suffix", compression.SUFFIXES)
def test_what_begins_badly_behind_a_whole_stream_is_not_taken_for_the_end(suffix):
    first, second = (compression.compressed(suffix, part) for part in (TEXT, b"end\n"))
    with (
        pytest.raises(Damaged, match=f"a.txt{suffix}: damaged or truncated compressed file"),
        compression.decompressed(f"a.txt{suffix}", io.BytesIO(first + b"X" + second[1:])) as file,
    ):
        file.read()


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2"])
def test_zero_bytes_may_fill_a_file_up(suffix):
    stored = compression.compressed(suffix, TEXT) + bytes(100_000)
    with compression.decompressed(f"a{suffix}", io.BytesIO(stored)) as file:
        assert file.read() == TEXT


def test_the_suffix_may_be_told(tmp_path):
    with compression.decompressed("a.tgz", io.BytesIO(compression.compressed(".gz", TEXT)), ".gz") as file:
        assert file.read() == TEXT


@pytest.mark.parametrize("suffix", compression.SUFFIXES)
def test_what_grows_beyond_all_measure_is_refused(monkeypatch, suffix):
    stored = compression.compressed(suffix, b"boom\n" * 100_000)
    monkeypatch.setattr(compression, "GROWTH_ALLOWED_BYTES", 1 << 17)
    for growth, refused in ((10**6, False), (50, True)):
        monkeypatch.setattr(compression, "MOST_GROWTH", growth)
        with compression.decompressed(f"a{suffix}", io.BytesIO(stored)) as file:
            if refused:
                with pytest.raises(UserError, match=f"a{suffix}: grows to more than 50 times its stored size"):
                    file.read()
            else:
                assert len(file.read()) == 500_000
