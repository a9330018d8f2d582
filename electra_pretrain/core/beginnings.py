"""What a stored file begins with, whatever it is called: how it is compressed, or that something else stands in its place."""

BEGINNINGS: dict[str, tuple[bytes, ...]] = {
    ".gz": (b"\x1f\x8b",),
    ".xz": (b"\xfd7zXZ\x00", b"\x5d\x00\x00"),  # the second is LZMA's older form, which is read as well
    ".zst": (b"\x28\xb5\x2f\xfd", *(bytes([first]) + b"\x2a\x4d\x18" for first in range(0x50, 0x60))),  # frames to be skipped
    ".bz2": (b"BZh",),
}
NAMES = {".gz": "gzip", ".xz": "xz", ".zst": "zstd", ".bz2": "bzip2"}
GIT_LFS = b"version https://git-lfs.github.com/spec/"
GIT_LFS_ADVICE = "fetch the file itself: git lfs pull"
LONGEST = max(map(len, [GIT_LFS, *(begin for begins in BEGINNINGS.values() for begin in begins)]))
_SHOWN_BYTES = 12


def misnamed(suffix: str, head: bytes) -> str:
    """Say what a file is that begins so, and what to do, where it is not what its suffix promises; "" where it may be."""
    if any(begin.startswith(head) or head.startswith(begin) for begin in BEGINNINGS[suffix]):
        return ""
    promise = f"not {NAMES[suffix]}, as {suffix} promises"
    if head.startswith(GIT_LFS):
        return f"{promise}, but a Git LFS pointer in its place; {GIT_LFS_ADVICE}"
    for other, begins in BEGINNINGS.items():
        if head.startswith(begins):
            return f"{promise}, but {NAMES[other]}; name it {other}"
    shown = f"as it begins with {head[:_SHOWN_BYTES]!r}"
    return f"{promise}, {shown}; if it is not compressed, take the suffix away; else fetch it again"
