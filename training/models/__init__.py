"""Models, and their export to the ONNX graphs that serving runs."""
