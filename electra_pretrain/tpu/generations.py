"""The generations of TPUs: by which interface TensorFlow reaches them, on which image, and in which of its releases.

What rests on which source is in docs/tpu.md; scripts/tpu/cloud.sh has the same images and releases.
"""

from typing import NamedTuple


class Generation(NamedTuple):
    """A generation of TPUs, as TensorFlow sees it.

    Attributes:
        has_pjrt: TensorFlow reaches it by PJRT, which variables ask for; else by the stream executor, which they would break.
        release: of TensorFlow's TPU build, the one that public reports speak for most.
        image: of Google's for TensorFlow on it, with "{pod}" where one for several hosts has "-pod".
    """

    has_pjrt: bool
    release: str
    image: str


GENERATIONS = {
    "v2": Generation(False, "2.18", "tpu-vm-tf-2.18.0{pod}-se"),
    "v3": Generation(False, "2.18", "tpu-vm-tf-2.18.0{pod}-se"),
    "v4": Generation(False, "2.18", "tpu-vm-tf-2.18.0{pod}-se"),
    "v5e": Generation(True, "2.18", "tpu-vm-tf-2.18.0{pod}-pjrt-v5e-and-v6"),
    "v5p": Generation(True, "2.18", "tpu-vm-tf-2.18.0{pod}-pjrt-v5p-and-below"),
    "v6e": Generation(True, "2.20", "tpu-vm-tf-2.19.0{pod}-pjrt"),
}
# The pinned packages for each release; the first line of a file says the same.
REQUIREMENTS = {"2.18": "requirements-tpu-2.18.txt", "2.20": "requirements-tpu.txt"}


def generation_of(accelerator_type: str) -> str:
    """Return the generation in the name of a slice: "v5e" of "v5litepod-8" or "v5e-8"; it need not be one that is known."""
    return accelerator_type.strip().split("-")[0].lower().replace("litepod", "e")
