"""Offline scoring: a folder, a list or a bucket of songs becomes a table, tags and playlists."""
