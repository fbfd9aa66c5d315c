"""The published results, their tables and pictures."""
