"""Work that waits in queues: task entry points, and the process that does it."""
