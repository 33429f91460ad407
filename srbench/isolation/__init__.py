"""Code from outside in a process of its own: the process, what passes between the two, and what is seen of it."""
