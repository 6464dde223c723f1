"""Paths -> actions. A route parses, calls one action, and answers; it never touches SQL."""
