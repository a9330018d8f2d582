"""How much memory deduplication may use, and what of that is left to sort in."""

from typing import NamedTuple

from electra_pretrain.core.errors import UserError

# What processes hold besides a sort: the main one blocks on their way to workers, a worker a block's lines and signatures.
MAIN_BYTES, WORKER_BYTES, NEAR_WORKER_BYTES = 300_000_000, 200_000_000, 600_000_000
MIN_SORT_BYTES = 100_000_000
CLUSTER_BYTES_PER_UNIT = 4


class Memory(NamedTuple):
    """What may be used.

    Attributes:
        total: bytes; of all processes together, or on a cluster of each.
        num_processes: that work side by side on this machine; None: on a cluster.
    """

    total: int
    num_processes: int | None

    def of_a_sort(self, near: bool) -> int:
        """Return the bytes in which one process may sort.

        Raises:
            UserError: too few are left.
        """
        workers, main = (1, 0) if self.num_processes is None else (self.num_processes, MAIN_BYTES)
        taken = main + workers * (NEAR_WORKER_BYTES if near else WORKER_BYTES)
        least = taken + workers * MIN_SORT_BYTES
        if self.total < least:
            said = f"--memory_gb {self.total / 1e9:g}: "
            if self.num_processes is None:
                raise UserError(f"{said}with --runner each worker process needs {least / 1e9:.1f} GB at least; give more")
            raise UserError(
                f"{said}{workers} worker processes need {least / 1e9:.1f} GB at least; give more or use fewer --num_processes"
            )
        return (self.total - taken) // workers

    def check_clusters(self, num_units: int) -> None:
        """Refuse more lines or documents than this machine can hold the clusters of.

        Raises:
            UserError: there are so many.
        """
        needed = MAIN_BYTES + CLUSTER_BYTES_PER_UNIT * num_units
        if needed > self.total:
            raise UserError(
                f"clusters of near-duplicates take {needed / 1e9:.1f} GB for this corpus; give so much by --memory_gb"
            )
