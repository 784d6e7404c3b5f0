"""Runs to be broken: the same small dataset that the training's tests use."""

from tests.training.conftest import campus, make_run

__all__ = ["campus", "make_run"]
