"""Messages to the core's records and back. Every message is taken apart and put together here, and nowhere else."""
