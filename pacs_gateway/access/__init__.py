"""Who may do what: rules that know nothing of HTTP or DICOM messages."""
