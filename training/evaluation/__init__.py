"""Metrics, calibration, and sounds that are no music."""
