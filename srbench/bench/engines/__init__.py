"""Executors of tasks: this process, worker processes, a Ray cluster. Imported by bench's engine alone."""
