"""The web site, against the real service."""
