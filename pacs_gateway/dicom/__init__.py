"""DICOM bytes and data sets turned into values: no I/O, no clock."""
