"""How fast the service is, beside what people build and beside what decoding alone costs."""
