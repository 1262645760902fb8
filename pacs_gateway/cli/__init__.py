"""The command line: one module per family of commands of `pacs-gateway`."""
