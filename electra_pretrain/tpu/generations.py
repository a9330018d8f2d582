"""The generations of TPUs: by which interface TensorFlow reaches them, and with which of its releases that was reported to work.

What rests on which source is in docs/tpu.md.
"""

from typing import NamedTuple


class Generation(NamedTuple):
    """A generation of TPUs, as TensorFlow sees it.

    Attributes:
        has_pjrt: TensorFlow reaches it by PJRT, which variables ask for; else by the stream executor, which they would break.
        release: of TensorFlow, which is reported to work on it, or not to fail; `tpu/wheel.py` has the pinned versions.
        image: what the name of an image for it ends with, after the release and, of several hosts, "-pod".
    """

    has_pjrt: bool
    release: str
    image: str


GENERATIONS = {
    "v2": Generation(False, "2.18", "-se"),
    "v3": Generation(False, "2.18", "-se"),
    "v4": Generation(False, "2.18", "-se"),
    "v5e": Generation(True, "2.18", "-pjrt-v5e-and-v6"),
    "v5p": Generation(True, "2.18", "-pjrt-v5p-and-below"),
    "v6e": Generation(True, "2.20", "-pjrt"),
}


def generation_of(accelerator_type: str) -> str:
    """Return the generation in the name of a slice: "v5e" of "v5litepod-8" or "v5e-8"; it need not be one that is known."""
    return accelerator_type.strip().split("-")[0].lower().replace("litepod", "e")
