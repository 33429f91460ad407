"""What the numbers say: the gate against references."""
