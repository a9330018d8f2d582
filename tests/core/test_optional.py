"""Packages that only some tasks need are missed in one line that says what to install."""

import json

import pytest

from electra_pretrain.core import optional
from electra_pretrain.core.errors import UserError


def test_what_is_installed_is_given():
    assert optional.load("json", "--anything") is json
    assert optional.missing("json", "no_such_package_at_all") == ["no_such_package_at_all"]


def test_what_is_missing_is_named_with_its_extra():
    with pytest.raises(UserError) as raised:
        optional.load("no_such_package.part", "--near", extra="dedup")
    said = "--near: needs no_such_package, which is not installed; run: pip install 'electra_pretrain[dedup]'"
    assert str(raised.value) == said


def test_without_an_extra_the_package_itself_is_named():
    with pytest.raises(UserError, match="needs google-crc32c, which is not installed; run: pip install google-crc32c$"):
        optional.load("no_such_crc32c", "records", package="google-crc32c")
