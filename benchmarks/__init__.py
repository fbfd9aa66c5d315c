"""The speed of the service beside typical servers and beside decoding alone."""
