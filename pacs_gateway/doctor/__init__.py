"""What is wrong with the gateway, and what to do: one source for commands, pages and the digest."""
