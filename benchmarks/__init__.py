"""Side by side with a peer in one run: figures are ratios, because machines differ."""
