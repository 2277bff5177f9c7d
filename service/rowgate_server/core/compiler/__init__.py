"""Plans to SQL: pure functions, from a frozen plan and a table to SQLAlchemy Core, and from there to text.

SQLAlchemy writes the names and the statement. Values never pass through it: where one goes the text has a mark, and is
cut there, so that each engine's session binds them as it does those of raw SQL.
"""
