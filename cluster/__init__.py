"""The ground of Social Flow: how the cluster is shaped and described. Imports nothing of ours.

settings   every tunable, typed, frozen; units in the names
errors     the error family, by meaning; no HTTP here
events     what happened (outbox) and what a socket hears (deliveries), as frozen dataclasses
ids        64-bit time-ordered ids; the time of an id, the id at a time
clock      the system's clock, and one that a test moves by hand
sharding   key -> slot -> shard, pure
topology   which actors exist and what they are called
observe    log lines, counters and request ids
"""
