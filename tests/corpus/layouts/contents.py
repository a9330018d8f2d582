"""Contents to read in the tests of layouts."""

import io

from electra_pretrain.corpus.blocks import BlockReader
from electra_pretrain.corpus.damage import Damage
from electra_pretrain.corpus.decoding import Decoder
from electra_pretrain.corpus.layouts.layout import Content
from electra_pretrain.corpus.looking import HEAD_BYTES
from electra_pretrain.corpus.reader import Corpus


def content_of(stored: bytes, field="text", on_bad_bytes="error", encoding="utf-8", **told):
    return Content(
        "a.json", io.BytesIO(stored), stored[:HEAD_BYTES], Decoder(encoding, on_bad_bytes), Damage("error"), field, **told
    )


def read_both(path, reading=None):
    """Read a file by both readers, which must agree; located documents."""
    found = list(Corpus([str(path)], reading).located_documents())
    blocks = BlockReader(Corpus([str(path)], reading)).blocks(100)
    assert [document for block in blocks for document in block.documents()] == [document.sentences for document in found]
    return found
