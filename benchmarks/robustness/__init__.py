"""Measure whether an answer stays the same however a song arrives."""
