"""Side-by-side measurements. `make bench` runs them all; each prints a table and writes JSON.

Nothing here asserts: a machine under load is slow without anything being wrong.
"""
