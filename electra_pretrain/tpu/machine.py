"""What a machine with a TPU is set up with, and what does not fit; told before TensorFlow's import, which may end Python."""

import os
import sys
from collections.abc import Iterator

from electra_pretrain.core.finding import Finding, Level
from electra_pretrain.core.tensorflow_startup import PJRT_VARIABLES
from electra_pretrain.tpu import local, metadata
from electra_pretrain.tpu.generations import GENERATIONS
from electra_pretrain.tpu.holders import check_free
from electra_pretrain.tpu.refusals import NO_METADATA, SKIP_METADATA
from electra_pretrain.tpu.wheel import Wheel, installed, libtpu_that_fits, way_to

_SECONDS = 5.0
# Images with PJRT that name what they are for.
_MADE_FOR = {"-pjrt-v5e-and-v6": ("v5e", "v6e"), "-pjrt-v5p-and-below": ("v5p",)}


def check_machine() -> Iterator[Finding]:
    """Name image, generation, wheel, libtpu and variables, and yield what keeps TensorFlow from it, each with a way out."""
    generation = local.generation()
    if generation is None:
        yield Finding(
            Level.WARNING,
            "no TPU is seen on this machine (PCI bus, TPU_ACCELERATOR_TYPE, metadata server): image, TensorFlow and libtpu "
            "were not checked; on the TPU VM they are",
        )
        return
    image, wheel = _image(), installed()
    yield Finding(
        Level.OK, f"TPU {generation} ({local.accelerator_type() or 'unnamed'}), image {image or 'unknown'}, {wheel.words}"
    )
    yield from _check_image(generation, image)
    yield from _check_wheel(generation, wheel)
    yield from _check_variables(generation)
    yield from check_free()
    yield from _check_metadata()


def _image() -> str | None:
    """Return the name of the image that this machine was made from."""
    path = metadata.ask_quietly("image")  # "projects/123/global/images/name"
    return None if path is None else path.rpartition("/")[2] or None


def _check_image(generation: str, image: str | None) -> Iterator[Finding]:
    """Hold the interface in the image's name against the generation's; set-up brings its own TensorFlow."""
    if image is None or "tf-" not in image:
        return
    made_for = next((names for ending, names in _MADE_FOR.items() if image.endswith(ending)), (generation,))
    if GENERATIONS[generation].has_pjrt != ("pjrt" in image) or generation not in made_for:
        wanted = GENERATIONS[generation].image.format(pod="")
        yield Finding(
            Level.WARNING, f"image {image}: is for another generation than {generation}; make the TPU anew with {wanted}"
        )


def _check_wheel(generation: str, wheel: Wheel) -> Iterator[Finding]:
    way = way_to(wheel.release if libtpu_that_fits(wheel) else GENERATIONS[generation].release)
    if wheel.tpu is None:
        place = f"the virtual environment {sys.prefix}" if sys.prefix != sys.base_prefix else sys.prefix
        aside = ", which does not see the image's own TensorFlow" if sys.prefix != sys.base_prefix else ""
        yield Finding(Level.FAILURE, f"{place}{aside}: has no tensorflow-tpu, and plain TensorFlow finds no TPU; {way}")
    elif wheel.is_overwritten:
        yield Finding(Level.FAILURE, f"tensorflow-tpu {wheel.tpu}: another TensorFlow was installed over it; {way}")
    elif wheel.libtpu is None:
        yield Finding(Level.FAILURE, f"tensorflow-tpu {wheel.tpu}: its libtpu is not installed; {way}")
    elif wheel.libtpu not in (known := libtpu_that_fits(wheel)):
        fits = f"was built with libtpu {known[0]}" if known else "is not among those that were pinned"
        yield Finding(Level.WARNING, f"tensorflow-tpu {wheel.tpu}: {fits}, and here is {wheel.libtpu}; if Python aborts, {way}")
    if generation == "v6e" and wheel.release in ("2.16", "2.17", "2.18", "2.19"):
        yield Finding(Level.WARNING, f"tensorflow-tpu {wheel.tpu}: is reported to fail on v6e; {way_to('2.20')}")


def _check_variables(generation: str) -> Iterator[Finding]:
    """Tell which variables are set for TensorFlow: by `local.prepare`, before this."""
    values = {name: os.environ[name] for name in PJRT_VARIABLES if name in os.environ}
    if GENERATIONS[generation].has_pjrt and not values:
        yield Finding(
            Level.FAILURE,
            f"libtpu.so is found nowhere, and {generation} needs PJRT of it; {way_to(GENERATIONS[generation].release)}",
        )
        return
    path = values.get("TF_PLUGGABLE_DEVICE_LIBRARY_PATH")
    if path is not None and not os.path.isfile(path):
        yield Finding(Level.FAILURE, f"{local.LIBRARY_VARIABLE}={path}: there is no such file; unset it")
    said = " ".join(f"{name}={value}" for name, value in values.items()) or "no variables of PJRT's"
    yield Finding(Level.OK, f"TensorFlow is told: {said}")


def _check_metadata() -> Iterator[Finding]:
    """Ask what libtpu will ask when it is loaded, many times over for each thing that the environment does not tell it.

    A container is told most of it, and may do well without; a TPU VM is not.
    """
    if os.environ.get(SKIP_METADATA):
        return
    try:
        metadata.ask("attributes/tpu-env", _SECONDS)
    except metadata.Silent as silent:
        is_told = any(os.environ.get(name) for name in local.TYPE_VARIABLES)
        yield Finding(
            Level.WARNING if is_told else Level.FAILURE,
            f"the metadata server does not answer ({silent}), and libtpu would ask it for many minutes: {NO_METADATA}",
        )
