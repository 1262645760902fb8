"""Tests; a package only so that they can share the real servers in `tests.servers`."""
