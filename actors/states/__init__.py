"""Live state as plain objects: they take the clock, and never sleep, log, await or call."""
