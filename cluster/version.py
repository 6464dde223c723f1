"""Which version this is, and which version of Mastodon's API it speaks."""

VERSION = "0.1.0"
MASTODON = "4.5.0"  # clients compare the first word of the instance's version with what they need
MASTODON_API = 7  # `api_versions.mastodon` of Mastodon 4.5

COMPATIBLE = f"{MASTODON} (compatible; Social Flow {VERSION})"
