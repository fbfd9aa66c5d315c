"""The site: its settings, addresses, health and headers."""
