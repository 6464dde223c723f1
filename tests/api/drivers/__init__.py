"""Clients that people really use, unmodified from PyPI, driven against a live server."""
