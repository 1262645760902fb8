"""The command `pacs-gateway`."""


def main() -> None:
    """Run the command line."""
