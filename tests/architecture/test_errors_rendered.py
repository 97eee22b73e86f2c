"""Every error that can reach a door has a rendering there."""

import importlib
from collections.abc import Mapping

import pytest

from api.cli.output import ExitCode, exit_code, rendering
from api.cli.tree import ROOT
from signer.domain import errors

DOORS = sorted(f"api.{file.parent.name}.errors" for file in (ROOT / "api").glob("*/errors.py"))


# Doors where no error is the caller's doing: their table has the root class and is read by nearest
# class above.
BY_NEAREST = {"api.pki.errors"}


def leaves(root):
    """Classes of the error module that nothing there derives from."""
    children = [c for c in root.__subclasses__() if c.__module__ == errors.__name__]
    return {root} if not children else set().union(*(leaves(child) for child in children))


LEAVES = sorted(leaves(errors.SigningServiceError), key=lambda kind: kind.__name__)


def test_there_are_leaves_to_check():
    assert errors.IncorrectPINError in LEAVES
    assert errors.UnavailableError not in LEAVES


def tables(module):
    """The tables of a door's error module: mappings whose keys are error classes."""
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, Mapping)
        and value
        and all(isinstance(key, type) and issubclass(key, Exception) for key in value)
    }


@pytest.mark.parametrize("door", DOORS)
def test_every_error_has_a_rendering_in_the_door(door):
    found = tables(importlib.import_module(door))
    assert found, f"{door} has no table of errors"
    for name, table in found.items():
        covered = {
            kind
            for kind in LEAVES
            if kind in table or (door in BY_NEAREST and table.keys() & set(kind.__mro__))
        }
        assert [kind.__name__ for kind in LEAVES if kind not in covered] == [], name


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_every_error_has_a_rendering_on_the_command_line(kind):
    error = kind()
    assert exit_code(error) in {ExitCode.NO, ExitCode.USAGE, ExitCode.UNAVAILABLE}
    assert rendering(error).startswith(f"✗ {kind.title}")


def test_error_codes_are_unique():
    codes = [kind.code for kind in LEAVES]
    assert sorted(codes) == sorted(set(codes))
