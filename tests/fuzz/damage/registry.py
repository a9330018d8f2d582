"""Which kinds of damage each type of file is given, and of which of them another valid file may come.

To add a kind: write the function in its module, put it in that module's list. A new type of file: a line in `TYPES`.
"""

from typing import NamedTuple

from tests.fuzz.damage import Damage
from tests.fuzz.damage.json_values import JSON
from tests.fuzz.damage.places import PLACES, full_folder, swapped
from tests.fuzz.damage.raw import RAW
from tests.fuzz.damage.records import RECORDS
from tests.fuzz.damage.streams import STREAMS
from tests.fuzz.damage.text import TEXT
from tests.fuzz.damage.weights import CHECKPOINT, SAFETENSORS


class FileType(NamedTuple):
    """What may happen to files of a type.

    Attributes:
        of_its_kind: damage that only such files know.
        is_proven: whether a checksum stands for every byte, in the file itself or in another that goes with it; else damaged
            bytes may be another valid file.
        valid: kinds after which it is another valid file all the same.
    """

    of_its_kind: list[Damage]
    is_proven: bool
    valid: tuple[str, ...] = ()


TYPES = {
    "text": FileType(TEXT, False),
    "fixed_text": FileType(TEXT, True),  # a text whose hash stands elsewhere
    "json": FileType([*TEXT, *JSON], False),
    "json_corpus": FileType([*TEXT, *JSON], False, ("value_null",)),  # which is passed over
    "recipe": FileType([*TEXT, *JSON], False, ("value_null",)),  # `drop_duplicates` may be
    "compressed": FileType(STREAMS, True, ("doubled",)),  # twice the text
    "archive": FileType([], True, ("doubled",)),
    "volume": FileType([], True),
    "table": FileType([], False),  # Parquet, a SentencePiece model: their bytes have no checksum
    "records": FileType(RECORDS, True),
    "loose_records": FileType(
        RECORDS, True, ("doubled", "record_lost", "record_doubled", "emptied")
    ),  # no manifest counts them
    "safetensors": FileType(SAFETENSORS, False),
    "checkpoint": FileType(CHECKPOINT, True),
    "checkpoint_data": FileType([], True),
}


def kinds_of(type_name: str) -> dict[str, Damage]:
    """Return the kinds for files of a type, by name."""
    return {kind.__name__: kind for kind in (*PLACES, *RAW, *TYPES[type_name].of_its_kind)}


def may_be_valid(type_name: str, kind: Damage, said: bool | None) -> bool:
    """Tell whether a file so damaged may be another valid one, from what the kind said of it."""
    file_type = TYPES[type_name]
    if kind.__name__ in file_type.valid:
        return True
    return not file_type.is_proven and (kind in (*RAW, swapped, full_folder) or bool(said))
