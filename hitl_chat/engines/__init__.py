"""Serving engines. `protocol` is what the service relies on; it needs no torch."""
