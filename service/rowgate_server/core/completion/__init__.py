"""What could stand at one place of an SQL text that is still being written.

What reads tables uses its tokens, so `completer`, which reads them, is imported by its own name.
"""
