"""The HTTP side of the service: requests, limits, errors, documentation."""
