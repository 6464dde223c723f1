"""Sharded hot state. The only home of `.remote()`; each Ray actor is a thin shell around a plain object.

states/     plain Python, imports cluster and db.pages only: what a test can hold in its hand
ports       what the API asks of the shards; the Ray handles and the in-process ones both satisfy it
feeds       shell: follow, apply, read, publish, sweep
sessions    shell: create, refresh, revoke, publish
handles     typed clients over Ray: one call per shard per tick, deadlines, errors unwrapped
supervise   create, find, drain, replace
"""
