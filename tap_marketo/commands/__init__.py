"""What the command line asks for, each from its beginning to its end: sync, discovery, check, plan.

It puts together what the other packages do; nothing but the command itself imports it.
"""
