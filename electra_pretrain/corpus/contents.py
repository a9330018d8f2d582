"""From a stored file to its contents: its bytes, decompressed, or those of an archive's members; and the layout of each."""

import contextlib
import functools
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import BinaryIO, Generic, TypeVar, cast

from electra_pretrain.core import compression, volumes
from electra_pretrain.core.errors import Damaged, UserError, first_of
from electra_pretrain.corpus import archives
from electra_pretrain.corpus.archives import Member
from electra_pretrain.corpus.damage import Damage
from electra_pretrain.corpus.decoding import Decoder
from electra_pretrain.corpus.layouts.layout import Content, Layout
from electra_pretrain.corpus.layouts.registry import AUTO, LAYOUTS, by_suffix, layout_among, layout_of
from electra_pretrain.corpus.looking import look
from electra_pretrain.corpus.reading import Reading
from electra_pretrain.corpus.sniffing import BINARY, NotText, is_description, looks_like

T = TypeVar("T")
Read = Callable[[Layout, Content], Iterator[T]]
_NAMED = 5  # of the members that are passed over
_log = logging.getLogger(__name__)


def read_contents(path: str, raw: BinaryIO, reading: Reading, decoder: Decoder, damage: Damage, read: Read[T]) -> Iterator[T]:
    """Give what `read` makes of every content of a file, in order.

    Args:
        path: of the file; of one that was cut, of its first volume.
        raw: the file as stored.
        reading: how bytes become documents.
        decoder: makes text of them.
        damage: is told of what is broken.
        read: from a layout and a content to whatever is wanted. It reads within this function, which names damaged files.

    Raises:
        Damaged: the file, or a content of it, is cut short or broken, and that is an error.
        UserError: as `layout_of`, `Layout.records`; no member of an archive is meant, or none holds text.
    """
    found = 0
    try:
        with opened(path, raw) as file:
            contents = _Contents(path, reading, decoder, damage, read)
            for item in contents.of_archive(file) if archive_kind(path) else contents.of_file(path, file):
                found += 1
                yield item
    except Damaged as error:
        damage.of_file(error, found)


def is_sought(path: str, reading: Reading) -> bool:
    """Tell whether a file is read here and there, not from beginning to end."""
    name = volumes.whole_name(path)
    layouts = by_suffix(name), LAYOUTS.get(reading.layout)
    return archives.kind_of(name) == "zip" or any(layout is not None and layout.is_sought for layout in layouts)


def archive_kind(path: str) -> str:
    """Tell what archive a file, or what was cut into volumes, is; "" for none."""
    return archives.kind_of(volumes.whole_name(path))


@contextlib.contextmanager
def opened(path: str, raw: BinaryIO) -> Iterator[BinaryIO]:
    """Open a file's content, decompressed; raises as `compression.decompressed`."""
    try:
        with compression.decompressed(path, raw, archives.compression_of(volumes.whole_name(path))) as file:
            yield file
    except Damaged as error:
        if not volumes.was_cut(path):
            raise
        paths = volumes.volumes_of(path)
        raise Damaged(f"{error}; it was read from {len(paths)} volumes, the last {paths[-1]}: are there more?") from error


class _Contents(Generic[T]):
    """What of a file is read, and how."""

    def __init__(self, path: str, reading: Reading, decoder: Decoder, damage: Damage, read: Read[T]) -> None:
        self._path, self._reading, self._decoder, self._damage, self._read = path, reading, decoder, damage, read

    def of_file(self, name: str, file: BinaryIO) -> Iterator[T]:
        head, file = look(file)
        whole_name = volumes.whole_name(name)
        layout = layout_of(whole_name, head, self._reading.layout)
        yield from self._of_content(layout, name, file, head, is_stream=bool(archives.compression_of(whole_name)))

    def of_archive(self, file: BinaryIO) -> Iterator[T]:
        passed_over, meant = list[str](), 0
        for member in self._members(file):
            if self._reading.members and not member.matches(self._reading.members):
                continue
            found = 0
            try:
                for item in self._of_member(member):
                    found += 1
                    yield item
                meant += 1
            except NotText as error:
                if self._reading.members:
                    raise
                passed_over.append(f"{member.name} ({error.what})")
            except Damaged as error:
                self._damage.of_file(error, found)
                meant += 1
        self._tell(passed_over, meant)

    def _members(self, file: BinaryIO) -> Iterator[Member]:
        kind, (head, file) = archive_kind(self._path), look(file)
        try:
            yield from archives.members_of(self._path, kind, file)
        except Damaged as error:
            looks = looks_like(head)
            if looks in (None, BINARY) or looks.archive == kind:
                raise
            raise Damaged(f"{self._path}: looks like {looks.what}, not like a {kind} archive; {looks.advice}") from error

    def _of_member(self, member: Member) -> Iterator[T]:
        name = f"{self._path}!{member.name}"
        if what := member.passed_over or (f"a {kind} archive" if (kind := archives.kind_of(member.name)) else ""):
            raise NotText(f"{name}: is {what}, and not read; unpack the archive", what)
        with member.open() as stored, compression.decompressed(name, stored) as file:
            head, file = look(file)
            if is_description(member.name, head) and not self._reading.members:
                return
            tell = layout_of if self._reading.members else layout_among
            layout = tell(name, head, self._reading.layout)
            yield from self._of_content(layout, name, file, head, is_stream=True)

    def _of_content(self, layout: Layout, name: str, file: BinaryIO, head: bytes, is_stream: bool) -> Iterator[T]:
        if layout.is_sought and is_stream:
            with tempfile.TemporaryFile() as copy:  # a table's own directory stands at its end
                shutil.copyfileobj(file, copy)
                copy.seek(0)
                yield from self._of_content(layout, name, cast(BinaryIO, copy), head, is_stream=False)
            return
        reading = self._reading
        if reading.layout == AUTO and layout.begins(head):
            _tell_recognised(layout, name)
        content = Content(name, file, head, self._decoder, self._damage, reading.text_field, reading.thread_field, reading.form)
        yield from self._read(layout, content)

    def _tell(self, passed_over: list[str], meant: int) -> None:
        if not meant and self._reading.members:
            raise UserError(f"{self._path}: no member matches --members {self._reading.members}; is it a path in the archive?")
        if not meant:
            found = f"members that are none: {first_of(passed_over, _NAMED)}" if passed_over else "no members"
            raise UserError(
                f"{self._path}: no member of this archive can be read as text, {found}; --layout and --members say how"
            )
        if passed_over:
            _tell_once(
                f"{self._path}: {len(passed_over):,} members are no text that is known and passed over: "
                f"{first_of(passed_over, _NAMED)}"
            )


_recognised = set[str]()


def _tell_recognised(layout: Layout, name: str) -> None:
    """Say of the first file of each layout that was told by its content how it is read."""
    if layout.name not in _recognised:
        _recognised.add(layout.name)
        _log.info(
            "%s: read as %s, by what it begins with, as are all others that begin so; another --layout insists",
            name,
            layout.name,
        )


@functools.cache
def _tell_once(message: str) -> None:
    """Warn, once in a process: a command may read its corpus twice."""
    _log.warning("%s", message)
