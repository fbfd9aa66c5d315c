"""Reliability: hostile files and requests, killed processes, crowds, a full disk."""
