"""Speaks with the systems that order and that keep records: HL7 version 2 and FHIR."""
