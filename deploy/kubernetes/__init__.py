"""Manifests for Kubernetes, and the command that renders them."""
