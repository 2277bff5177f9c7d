"""Several processes behind one port: `supervisor` starts and watches them, each of them runs `worker`."""
