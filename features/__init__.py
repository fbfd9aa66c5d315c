"""Sound to log-mel windows: the only signal code of the project."""
