"""Use cases on the archive: ingest, query, retrieve."""
