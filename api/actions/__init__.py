"""What a request does. Only actions (and actor shells) open transactions; no FastAPI here."""
