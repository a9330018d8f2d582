"""What TensorFlow and libtpu say where they do not get a TPU, and what to do about each; docs/tpu.md has the same."""

import re
from typing import NamedTuple

from electra_pretrain.tpu.generations import REQUIREMENTS
from electra_pretrain.tpu.wheel import way_to


class Refusal(NamedTuple):
    """A way to be refused.

    Attributes:
        says: what such a message holds.
        means: what it means, in a few words.
        remedy: what to do.
    """

    says: str
    means: str
    remedy: str


SKIP_METADATA = "TPU_SKIP_MDS_QUERY"  # libtpu then asks nothing
NO_METADATA = (
    "on a TPU VM leave metadata.google.internal out of a proxy (NO_PROXY), or restart the VM; elsewhere, as in a container, "
    f"set {SKIP_METADATA}=1"
)
REFUSALS = (
    Refusal(
        r"No OpKernel was registered to support Op 'ConfigureDistributedTPU'",
        "this TensorFlow is the plain one, which knows no TPU",
        f"{way_to(*REQUIREMENTS)}; 'Settings' in docs/tpu.md says which",
    ),
    Refusal(
        r"already in use|libtpu_lockfile|libtpu_lock_",
        "another process holds the TPU, or left its lock behind",
        "end it (sudo fuser -v /dev/accel* /dev/vfio/* names it; bash scripts/tpu/stop.sh, if it trains); if there is none, "
        "sudo rm /tmp/libtpu_lockfile",
    ),
    Refusal(
        r"instance metadata|metadata\.google\.internal|Failed to get TPU metadata",
        "the metadata server did not answer",
        NO_METADATA,
    ),
    Refusal(
        r"tpu_node_interfaces\.cc.*\*platform|No TPU platform|TPUs not found in the cluster|Failed to get global TPU topology",
        "the TPU build of TensorFlow sees no chips",
        "run it on the TPU VM itself, with the image and the TensorFlow of its generation ('Settings' in docs/tpu.md); "
        "--preflight names what does not fit",
    ),
)


def find(message: str) -> Refusal | None:
    """Return the refusal that a message tells of; None for one that is not known."""
    return next((each for each in REFUSALS if re.search(each.says, message, re.DOTALL)), None)
