"""Figures, each beside a baseline from the same run. One module per bench, found by its name."""
