"""plan -> execute -> store: the road of a run. Imported by analysis and above."""
