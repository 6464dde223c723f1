"""One async function per question, keyword-only arguments, a connection first, entities or pages back.

SQL is an upper-case constant above its function with `$1` parameters. Queries never open transactions;
`api/actions` and actor shells do. `tests/db/test_queries.py` prepares every constant against the schema.
"""
