"""What learns, and what becomes a graph that serving runs."""
