"""Orders and the images that answer them (docs/design/0023-orders.md)."""
