"""Text as LIKE patterns."""


def escape_like(text: str) -> str:
    """`text` as a LIKE pattern that matches itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
