"""Data sets as tracks, their groups and their splits."""
