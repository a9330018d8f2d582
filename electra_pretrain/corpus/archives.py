"""Members of archives, .zip and .tar: read where they lie, one after the other. Nothing is unpacked, no link is followed.

A tar is read as a stream, from its first byte to its last. Of a zip the directory is read first, its members in that order.
"""

import contextlib
import fnmatch
import lzma
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from electra_pretrain.core import compression
from electra_pretrain.core.errors import Damaged
from electra_pretrain.corpus.looking import buffered
from electra_pretrain.corpus.sniffing import is_junk, shown

if TYPE_CHECKING:
    from typing_extensions import Self

_COMPRESSED_TARS = {".tgz": ".gz", ".txz": ".xz", ".tbz2": ".bz2", ".tbz": ".bz2", ".tzst": ".zst"}
_CHUNK_BYTES = 1 << 20
_MAX_HEADER_BYTES = 1 << 20  # of a name, or of what else is told of a member; more of it is a trap
_LONG_HEADERS = (
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
)
_UTF8_NAME, _ENCRYPTED = 0x800, 0x1
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError)
_DIRECTORY_ERRORS = (*_ZIP_ERRORS, ValueError, NotImplementedError)  # the last: of a version that is not known


class Member(NamedTuple):
    """A file in an archive.

    Attributes:
        name: composed, on one line; however odd, nothing is written to it.
        open: gives its bytes, from the first.
        passed_over: why it is no file to be read: "a link"; "" if it is one.
    """

    name: str
    open: Callable[[], BinaryIO]
    passed_over: str = ""

    def matches(self, patterns: str) -> bool:
        """Tell whether one of the globs, joined by commas, or all of them as one name, matches its path or its bare name."""
        names = {self.name, self.name.rpartition("/")[2]}
        globs = [unicodedata.normalize("NFC", glob.strip()) for glob in [patterns, *patterns.split(",")]]
        return any(fnmatch.fnmatchcase(name, glob) for name in names for glob in globs)


def kind_of(name: str) -> str:
    """Tell what archive a file is by its name: "zip", "tar", or "" for none."""
    name = name.lower()
    if name.endswith(".zip"):
        return "zip"
    stem = name.removesuffix(compression.suffix_of(name))
    return "tar" if stem.endswith((".tar", *_COMPRESSED_TARS)) else ""


def compression_of(name: str) -> str:
    """Return the suffix that says how a file is compressed, of `.tgz` as of `.tar.gz`; "" where it is not."""
    short = next((suffix for suffix in _COMPRESSED_TARS if name.lower().endswith(suffix)), "")
    return _COMPRESSED_TARS.get(short) or compression.suffix_of(name.lower() if kind_of(name) else name)


def members_of(path: str, kind: str, file: BinaryIO) -> Iterator[Member]:
    """Give the members of an archive in order, junk and folders left out; each is read, or not, before the next is asked for.

    Args:
        path: of the archive, for messages.
        kind: as `kind_of` tells.
        file: the archive, decompressed; a zip is sought in.

    Raises:
        Damaged: the archive is cut short or broken; so does reading a member.
        UserError: as `compression.watched`.
    """
    found = _zipped(path, file) if kind == "zip" else _tarred(path, file)
    return (member for member in found if not is_junk(member.name))


def _tarred(path: str, file: BinaryIO) -> Iterator[Member]:
    try:
        tar = tarfile.open(  # noqa: SIM115 - the file is closed by whoever opened it
            fileobj=file, mode="r|", bufsize=_CHUNK_BYTES, tarinfo=_Header, ignore_zeros=True
        )
        while (info := tar.next()) is not None:
            cast(Any, tar).members = []  # a million of them would fill the memory
            if not info.isdir():
                yield _tar_member(path, tar, info)
    except (tarfile.TarError, RecursionError, UnicodeError) as error:
        raise _broken(path, error) from error
    if not cast(Any, tar).has_ended:
        raise _broken(path, "the mark of its end is missing")


def _tar_member(path: str, tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    name = _name(info.name.encode("utf-8", "surrogateescape"))

    def opened() -> BinaryIO:
        file = cast(BinaryIO, tar.extractfile(info))
        return compression.watched(f"{path}!{name}", file, (tarfile.TarError,), lambda: info.size, _explain)

    if info.issym() or info.islnk():
        return Member(name, opened, "a link")
    return Member(name, opened, "" if info.isreg() and not info.issparse() else "a device, or a file with holes")


class _Header(tarfile.TarInfo):
    """What stands before a member. A broken one is an error here, which Python's library takes for the archive's end."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> "Self":
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in _LONG_HEADERS and header.size > _MAX_HEADER_BYTES):
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        return header

    @classmethod
    def fromtarfile(cls, tar: Any) -> "Self":
        try:
            header = super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            kind = type(error).__name__  # these classes are not documented
            tar.has_ended = getattr(tar, "has_ended", False) or kind == "EOFHeaderError"
            if kind in ("EOFHeaderError", "EmptyHeaderError"):
                raise
            raise tarfile.ReadError(str(error)) from error
        tar.has_ended = False
        return header


def _zipped(path: str, file: BinaryIO) -> Iterator[Member]:
    try:
        archive = zipfile.ZipFile(buffered(file))  # which reads in small pieces, each a request of its own from a bucket
        told = cast(Any, zipfile)._EndRecData(archive.fp)[4]  # at its end, of members; from 65,536 on some begin again at 0
    except _DIRECTORY_ERRORS as error:
        raise _broken(path, error) from error
    if (len(archive.infolist()) - told) % (1 << 16):
        raise _broken(path, f"{len(archive.infolist()):,} members in its directory, of {told:,}")
    for info in archive.infolist():
        if not info.filename:
            raise _broken(path, "a member without a name")
        if not info.is_dir():
            yield _zip_member(path, archive, info)


def _zip_member(path: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    try:  # without its flag, Python takes a name for CP437
        name = _name(info.filename.encode("utf-8" if info.flag_bits & _UTF8_NAME else "cp437"))
    except UnicodeEncodeError:  # it was told elsewhere in the entry
        name = _name(info.filename.encode("utf-8", "surrogateescape"))

    def opened() -> BinaryIO:
        if info.flag_bits & _ENCRYPTED:
            raise Damaged(f"{path}!{name}: encrypted; unpack the archive with its password, or leave it out with --members")
        try:
            content = cast(BinaryIO, archive.open(info))
        except (NotImplementedError, RuntimeError) as error:
            raise Damaged(f"{path}!{name}: compressed in a way that is not known here ({error}); unpack it: 7z x") from error
        except _ZIP_ERRORS as error:
            raise _broken(f"{path}!{name}", error) from error
        return compression.watched(f"{path}!{name}", content, _ZIP_ERRORS, lambda: info.compress_size, _explain)

    return Member(name, opened, "a link" if stat.S_ISLNK(info.external_attr >> 16) else "")


def _name(stored: bytes) -> str:
    """Make a member's name of its bytes: UTF-8, else what Korean Windows writes, CP949."""
    for encoding in ("utf-8", "cp949"):
        with contextlib.suppress(UnicodeDecodeError):
            return shown(stored.decode(encoding)).replace("\\", "/").removeprefix("./")
    return shown(stored.decode("cp437")).replace("\\", "/").removeprefix("./")


def _broken(path: str, error: object) -> Damaged:
    return Damaged(f"{path}: {_explain(error)}")


def _explain(error: object) -> str:
    return compression.broken_off("archive", error)
