"""Durable keeping: spool, objects, index. Knows nothing of DICOM libraries or of the gateway."""
