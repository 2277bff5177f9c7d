"""Making and dropping tables: types and expressions mapped between engines or refused, statements, and running them.

What reads tables uses its expressions, so `maker`, which reads them, is imported by its own name.
"""
