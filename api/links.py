"""Addresses that clients see. All derive from the one public URL and from where blobs are served. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Links:
    """Makes URLs. `blob_url` answers where browsers fetch an object of the blob store."""

    public_url: str
    blob_url: Callable[[str], str]

    def account(self, username: str) -> str:
        """The profile page."""
        return f"{self.public_url}/@{username}"

    def account_uri(self, username: str) -> str:
        """The account's name among servers."""
        return f"{self.public_url}/users/{username}"

    def status(self, *, username: str, status_id: int) -> str:
        """The page of one status."""
        return f"{self.public_url}/@{username}/{status_id}"

    def status_uri(self, *, username: str, status_id: int) -> str:
        """The status's name among servers."""
        return f"{self.public_url}/users/{username}/statuses/{status_id}"

    def tag(self, name: str) -> str:
        """The page of a hashtag."""
        return f"{self.public_url}/tags/{quote(name)}"

    def avatar(self, key: str | None) -> str:
        """A profile image, or the one that stands for none (clients know the path)."""
        return self.blob_url(key) if key else f"{self.public_url}/avatars/original/missing.png"

    def header(self, key: str | None) -> str:
        """A profile banner, or the one that stands for none (clients know the path)."""
        return self.blob_url(key) if key else f"{self.public_url}/headers/original/missing.png"
