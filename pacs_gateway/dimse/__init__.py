"""The DIMSE edge: associations in, associations out (PS3.7, PS3.8)."""
