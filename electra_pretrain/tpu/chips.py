"""The TPUs that a run can be checked for: cores, memory, peak rate (cloud.google.com/tpu/docs, system architecture pages)."""

from typing import NamedTuple

from electra_pretrain.core.errors import UserError
from electra_pretrain.tpu.generations import generation_of


class Slice(NamedTuple):
    """A TPU: one host's worth, or several hosts' that act as one.

    Attributes:
        compiler_name: what the compiler calls it: generation and chips along each axis.
        replicas: how many devices share a batch: cores up to v3, whole chips from v4 on.
        memory_gb: high-bandwidth memory of a replica, in 10^9 bytes.
        peak_tflops: bfloat16 product rate of a replica.
        gb_per_s: memory bandwidth of a replica.
        hosts: machines with chips; each reads records for its own.
    """

    compiler_name: str
    replicas: int
    memory_gb: float
    peak_tflops: float
    gb_per_s: float
    hosts: int = 1

    @property
    def generation(self) -> str:
        return self.compiler_name.partition(":")[0]


_GIB = 1.073741824
SLICES = {
    "v2-8": Slice("v2:2x2x1", 8, 8 * _GIB, 22.5, 350),
    "v3-8": Slice("v3:2x2x1", 8, 16 * _GIB, 61.5, 450),
    "v4-8": Slice("v4:2x2x1", 4, 32 * _GIB, 275, 1228),
    "v5e-8": Slice("v5e:2x4", 8, 16 * _GIB, 197, 819),
    "v5p-8": Slice("v5p:2x2x1", 4, 95 * _GIB, 459, 2765),
    "v6e-8": Slice("v6e:2x4", 8, 32 * _GIB, 918, 1640),
}
# Of several hosts, named by cores, v5e's by chips; scripts/tpu/cloud.sh has the same names. start_grpc_tpu_worker of
# tensorflow-tpu 2.20 knows of v2 and v3 these, of v4, v5e and v5p all, of v6e none.
LARGER_SLICES = {
    "v2": (32, 128, 256, 512),
    "v3": (32, 64, 128, 256, 512, 1024, 2048),
    "v4": (16, 32, 64, 128, 256, 512, 1024, 2048, 4096),
    "v5e": (16, 32, 64, 128, 256),
    "v5p": (16, 32, 64, 128, 256, 512, 1024, 2048),
}
_CHIPS_OF_A_HOST = 4


def generation_peak_tflops(accelerator_type: str) -> float | None:
    """Return the peak rate of a replica of any slice, such as "v3-32" or "v5litepod-8"; None for an unknown name."""
    generation = generation_of(accelerator_type)
    return next((known.peak_tflops for name, known in SLICES.items() if name.split("-")[0] == generation), None)


def check_dtype(compute_dtype: str) -> None:
    """Refuse a `training.compute_dtype` that no TPU multiplies in.

    Raises:
        UserError: it is float16.
    """
    if compute_dtype == "float16":
        raise UserError("training.compute_dtype = float16: is for older GPUs; on a TPU use bfloat16, as the configs have it")


def find_slice(topology: str) -> Slice:
    """Find a slice by its name on the price list; of several hosts, what the compiler is told is one of them.

    Raises:
        UserError: no such name.
    """
    topology = topology.replace("v5litepod-", "v5e-")  # as Google's accelerator types have it
    if topology in SLICES:
        return SLICES[topology]
    generation, _, size = topology.partition("-")
    if not size.isdecimal() or int(size) not in LARGER_SLICES.get(generation, ()):
        larger = "; ".join(f"{name}-{{{', '.join(map(str, sizes))}}}" for name, sizes in LARGER_SLICES.items())
        raise UserError(f"--topology {topology}: must be one of {', '.join(SLICES)}, or of several hosts {larger}")
    chips = int(size) if generation == "v5e" else int(size) // 2
    replicas = int(size) if generation in ("v2", "v3") else chips
    return SLICES[f"{generation}-8"]._replace(replicas=replicas, hosts=chips // _CHIPS_OF_A_HOST)
