"""Where tasks are carried out: this process, workers, a Ray cluster. Imported by bench's engine alone."""
