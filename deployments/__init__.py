"""What runs: the command line, the supervisor, the wiring. The only place that reads the environment.

cli         `socialflow up | down | status | doctor | seed | settings | admin | bench | shards`
up          the steps from nothing to a server that answers; then watches until told to stop
home        the folder of one instance: layout, permissions, lock, secrets, ports
environment settings from the environment, completed for one home
processes   children that are restarted, and what a crash left behind
postgres    embedded Postgres; valkey: embedded Valkey
head        Ray on this machine, closed to others
haproxy     the binary that Serve runs: closes HAProxy's doors, then becomes it
ingress     what a replica believes about where a request came from
graph       the Serve applications; replica: one API replica's parts; gateway: the websockets'
seed        the demo world
doctor      is everything there, and is it right?
bench       figures, each beside a baseline
"""
