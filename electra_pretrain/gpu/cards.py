"""The cards that a step can be compiled for without one, by their makers' papers.

Rates and bandwidths are NVIDIA's: the data sheets of T4, V100 (SXM2), L4, H100 (SXM) and H200, and the whitepapers "A100 Tensor
Core GPU Architecture" (SXM4), "Ampere GA102 GPU Architecture" (RTX 3090) and "Ada GPU Architecture" (RTX 4090). All rates are
dense, without the sparsity that doubles them, and for products that are added up in float32, as ours are: on a GeForce that
halves the rate.
Bytes of memory are what CUDA finds on such a card: less than is printed on its box where error correction takes a part.
"""

from typing import NamedTuple

from electra_pretrain.core.errors import UserError, nearest


class Architecture(NamedTuple):
    """What all cards of a compute capability share: the CUDA C++ Programming Guide, "Technical Specifications".

    Attributes:
        capability: compute capability, major and minor.
        lanes: float32 units of a multiprocessor.
        threads: how many may be resident on a multiprocessor.
        shared_memory: bytes of a multiprocessor.
        shared_memory_of_block: bytes that one block may ask for.
        reserve: bytes that TensorFlow leaves to the system (`MinSystemMemory` in its gpu_device.cc).
    """

    capability: tuple[int, int]
    lanes: int
    threads: int
    shared_memory: int
    shared_memory_of_block: int
    reserve: int


_KIB, _MIB = 1024, 1024**2
VOLTA = Architecture((7, 0), 64, 2048, 96 * _KIB, 96 * _KIB, 1050 * _MIB)
TURING = Architecture((7, 5), 64, 1024, 64 * _KIB, 64 * _KIB, 1050 * _MIB)
AMPERE = Architecture((8, 0), 64, 2048, 164 * _KIB, 163 * _KIB, 1536 * _MIB)
AMPERE_GEFORCE = Architecture((8, 6), 128, 1536, 100 * _KIB, 99 * _KIB, 1536 * _MIB)
ADA = Architecture((8, 9), 128, 1536, 100 * _KIB, 99 * _KIB, 1536 * _MIB)
HOPPER = Architecture((9, 0), 128, 2048, 228 * _KIB, 227 * _KIB, 1800 * _MIB)


class Card(NamedTuple):
    """A GPU.

    Attributes:
        name: how it is asked for.
        architecture: what it shares with others.
        multiprocessors: how many it has.
        clock_ghz: at its boost.
        gb_per_s: memory bandwidth.
        l2: bytes of the cache that all multiprocessors share.
        memory: bytes.
        half_tflops: product rate of float16 operands, and of bfloat16 ones where it knows them.
        float32_tflops: product rate of float32 operands: as TF32 from compute capability 8.0 on, TensorFlow's default.
    """

    name: str
    architecture: Architecture
    multiprocessors: int
    clock_ghz: float
    gb_per_s: float
    l2: int
    memory: int
    half_tflops: float
    float32_tflops: float

    @property
    def has_bfloat16(self) -> bool:
        """Return whether its tensor cores multiply bfloat16: from compute capability 8.0 on."""
        return self.architecture.capability >= (8, 0)

    @property
    def usable_memory(self) -> int:
        """Bytes that TensorFlow gives to a program."""
        return self.memory - self.architecture.reserve

    def peak_tflops(self, dtype: str) -> float:
        """Return the product rate of operands of a type, such as "bfloat16"."""
        return self.float32_tflops if dtype == "float32" else self.half_tflops


CARDS = {
    card.name: card
    for card in (
        Card("t4", TURING, 40, 1.59, 320, 4 * _MIB, 15_843_721_216, 65, 8.1),
        Card("v100-16gb", VOLTA, 80, 1.53, 900, 6 * _MIB, 16_935_682_048, 125, 15.7),
        Card("rtx-3090", AMPERE_GEFORCE, 82, 1.695, 936, 6 * _MIB, 25_414_860_800, 71, 35.6),
        Card("rtx-4090", ADA, 128, 2.52, 1008, 72 * _MIB, 25_250_627_584, 165.2, 82.6),
        Card("a100-40gb", AMPERE, 108, 1.41, 1555, 40 * _MIB, 42_331_013_120, 312, 156),
        Card("a100-80gb", AMPERE, 108, 1.41, 2039, 40 * _MIB, 85_100_068_864, 312, 156),
        Card("l4", ADA, 58, 2.04, 300, 48 * _MIB, 23_612_293_120, 121, 60),
        Card("h100", HOPPER, 132, 1.98, 3350, 50 * _MIB, 84_942_979_072, 989, 494),
        Card("h200", HOPPER, 132, 1.98, 4800, 50 * _MIB, 151_397_597_184, 989, 494),
    )
}
# What people call the smallest of several; the larger ones must be named.
_SHORT = {"v100": "v100-16gb", "a100": "a100-40gb", "rtx3090": "rtx-3090", "rtx4090": "rtx-4090"}


def find_card(name: str) -> Card:
    """Find a card by its name.

    Raises:
        UserError: no such card.
    """
    known = CARDS.get(_SHORT.get(name.lower(), name.lower()))
    if known is None:
        raise UserError(f"--gpu {name}: must be one of {', '.join(CARDS)}; {nearest(name.lower(), list(CARDS))}")
    return known


def larger_than(memory: float) -> list[str]:
    """Name the cards that give a program more than so many bytes."""
    return [card.name for card in CARDS.values() if card.usable_memory >= memory]
