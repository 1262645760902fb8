"""Pixels: decode, look-up tables, encode, in processes that can be killed."""
