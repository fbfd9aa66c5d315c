"""The HTTP face of the service: what comes in, and how it is documented."""
