"""Models and pipelines: functions over data. No Ray, no web, no SQL."""
