"""The HTTP edge: DICOMweb (PS3.18), the JSON API and the pages."""
