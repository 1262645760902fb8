"""The OHIF viewer as an add-on: fetched, checked, fitted to this gateway and kept in one folder."""
