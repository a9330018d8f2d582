"""The TPU of this very machine: which generation it is, and the variables that TensorFlow wants for it before it is imported.

    python -m electra_pretrain.tpu.local

prints them as arguments of `env`, for a program that is not ours: TensorFlow's server on each host of a slice
(scripts/tpu/vm/serve.sh).
"""  # fmt: skip

import importlib.util
import logging
import os
from pathlib import Path

from electra_pretrain.core.tensorflow_startup import PJRT_VARIABLES
from electra_pretrain.tpu import metadata
from electra_pretrain.tpu.generations import GENERATIONS, generation_of

# Where a TPU VM or a container on one says what it is, "v3-8" for one.
TYPE_VARIABLES = ("TPU_ACCELERATOR_TYPE", "ACCELERATOR_TYPE")
LIBRARY_VARIABLE = "TPU_LIBRARY_PATH"  # a libtpu of the user's choice; TensorFlow reads it too
_PCI = Path("/sys/bus/pci/devices")
_GOOGLE = "0x1ae0"
# As JAX tells chips apart (jax/_src/hardware_utils.py of 0.10.2); v2 has v3's number.
_CHIPS = {"0x0027": "v3", "0x005e": "v4", "0x0062": "v5p", "0x0063": "v5e", "0x006f": "v6e"}
_IMAGES_LIBRARY = "/lib/libtpu.so"
_log = logging.getLogger(__name__)


def chip() -> str | None:
    """Return the generation of the chips that this machine's PCI bus shows, v3 for v2 as well; None where there are none."""
    for folder in sorted(_PCI.glob("*")):
        try:
            vendor, device = ((folder / name).read_text().strip() for name in ("vendor", "device"))
        except OSError:
            continue
        if vendor == _GOOGLE and device in _CHIPS:
            return _CHIPS[device]
    return None


def accelerator_type() -> str | None:
    """Return what this machine calls its TPU, such as "v5litepod-8", by the environment or Google's metadata server."""
    named = next((os.environ[variable] for variable in TYPE_VARIABLES if os.environ.get(variable)), None)
    return named or metadata.ask_quietly("attributes/accelerator-type")


def generation() -> str | None:
    """Return the generation of this machine's TPU; None where it has none, or none that is known.

    Chips that are seen say more than a name that may have been set for another machine.
    """
    seen = chip()
    if seen is not None:
        return seen
    named = generation_of(accelerator_type() or "")
    return named if named in GENERATIONS else None


def library() -> str | None:
    """Return the path of libtpu: the user's, the environment's package, or the image's; None where there is none."""
    if os.environ.get(LIBRARY_VARIABLE):
        return os.environ[LIBRARY_VARIABLE]
    package = importlib.util.find_spec("libtpu")
    folders = [] if package is None else package.submodule_search_locations or []
    paths = [*(os.path.join(folder, "libtpu.so") for folder in folders), _IMAGES_LIBRARY]
    return next(filter(os.path.isfile, paths), None)


def variables(name: str | None, libtpu: str | None) -> dict[str, str]:
    """Return what TensorFlow must find in its environment for a generation: PJRT's variables from v5 on, before that none.

    Args:
        name: the generation; None where it is not known.
        libtpu: path of the library.
    """
    if name is None or libtpu is None or not GENERATIONS[name].has_pjrt:
        return {}
    return dict(zip(PJRT_VARIABLES, ("true", libtpu, "TPU"), strict=True))


def prepare() -> None:
    """Set the variables for this machine's TPU, and unset them where they would keep TensorFlow from it.

    To be called before TensorFlow is imported, which loads the library then. An image's own values are replaced: they name the
    library of the image's TensorFlow.
    """
    name = generation()
    wanted = variables(name, library())
    os.environ.update(wanted)
    if name is not None and not wanted:
        broken = [each for each in PJRT_VARIABLES if os.environ.pop(each, None) is not None]
        if broken:
            _log.warning("%s: unset, as TensorFlow reaches a TPU %s without", ", ".join(broken), name)


def env_arguments() -> list[str]:
    """Return the same as arguments of `env`, for a program that is not ours."""
    name = generation()
    wanted = variables(name, library())
    unset = [] if wanted or name is None else [f"--unset={each}" for each in PJRT_VARIABLES]
    return [*unset, *(f"{each}={value}" for each, value in wanted.items())]


if __name__ == "__main__":
    print("\n".join(env_arguments()))
