"""Which version this is, and which version of Mastodon's API it speaks."""

VERSION = "0.1.0"
MASTODON = "4.5.0"  # clients compare the first word of the instance's version with what they need
# `api_versions.mastodon`: 2 and up promise grouped notifications, which are not here yet.
MASTODON_API = 1

COMPATIBLE = f"{MASTODON} (compatible; Social Flow {VERSION})"
