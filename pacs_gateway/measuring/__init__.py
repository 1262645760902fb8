"""What the gateway counts and times, for Prometheus."""
