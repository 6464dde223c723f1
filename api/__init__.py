"""The Mastodon client API over HTTP. No Ray and no Serve here; the same app runs in tests without both.

app         create_app(context): middleware and routes
context     everything that a request may use, in one object
routes      parse, call one action, answer
actions     check, one transaction, tell the shards; reads: skeleton -> hydrate -> rules
hydrate     ids -> what is needed to draw them, one query per kind
rules       may this viewer see that? one condition per line
entities    drawn data -> client JSON; pure
problems    errors -> responses and close codes; the only such place
"""
