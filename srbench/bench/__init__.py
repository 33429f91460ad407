"""plan -> execute -> store."""
