"""Sharded hot state. The only home of `.remote()`; each Ray actor is a thin shell around a plain object.

states/          plain Python, imports cluster and db.pages only: what a test can hold in its hand
ports            what the API asks of the shards; the Ray handles and the in-process ones both satisfy it
feeds            shell: claim, sweep, publish, read; feed_loader brings cold feeds from Postgres
sessions         shell: create, refresh, revoke, publish; with herald, keyring and minting
lanes            what one tick asks, in one call
routed_feeds     the Feeds port over any transport: by slot, with deadlines; session_routes likewise
handles          the transport over Ray, errors unwrapped; local and local_sessions, the one in this process
supervise        create, find, drain, replace
"""
