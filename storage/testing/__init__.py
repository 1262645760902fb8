"""Conformance suites that every adapter of storage must pass; they need pytest."""
