"""A file of a work folder that is cut short anywhere is named, whichever command wrote it."""

import numpy as np
import pytest

from electra_pretrain.core.errors import Damaged
from electra_pretrain.corpus.dedup import arrays
from electra_pretrain.corpus.dedup import block as dedup_block
from electra_pretrain.records import block_file

KEYS = np.arange(20, dtype=np.uint64).reshape(2, 10)


def write_block(path):
    block_file.write_block(path, np.array([1, 2**31, 2**32 - 1]), [b"one", b"two", b"three"])


FILES = {
    "block": (write_block, lambda path: block_file.read_range(path, 0, 2**32)),
    "array": (lambda path: arrays.save_array(path, KEYS), arrays.load_array),
    "several": (lambda path: arrays.save_several(path, [KEYS[:, :3], KEYS]), lambda p: arrays.load_one_of_several(p, 1, 2)),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_cut_is_named(tmp_path, kind):
    write, read = FILES[kind]
    path = tmp_path / kind
    write(str(path))
    content = path.read_bytes()
    read(str(path))
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(Damaged, match=rf"{kind}: a damaged file of unfinished work \(.*\); delete {tmp_path} and run the"):
            read(str(path))


def test_every_cut_and_flipped_bit_of_a_block_of_text_is_named(tmp_path):
    dedup_block.save_text(str(tmp_path), 0, dedup_block.text_bytes([["한 줄", "또 한 줄"]]))
    path = tmp_path / "text-000000.zst"
    content = path.read_bytes()
    damaged = [content[:length] for length in range(len(content))]
    for bit in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(flipped))
    named = 0
    for stored in damaged:
        path.write_bytes(stored)
        try:
            assert dedup_block.load_text(str(tmp_path), 0) == [["한 줄", "또 한 줄"]]
        except Damaged:
            named += 1
    assert named > 0.95 * len(damaged)  # some bits of the header mean nothing
