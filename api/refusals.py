"""Validation errors in Mastodon's sentence: "Validation failed: Username can't be blank, ...". Pure."""

from cluster.errors import FieldError, InvalidInput


def invalid(*fields: FieldError) -> InvalidInput:
    """The refusal of these fields."""
    reasons = [f"{field.field.replace('_', ' ').capitalize()} {field.description}" for field in fields]
    return InvalidInput(f"Validation failed: {', '.join(reasons)}", fields)
