"""While the rig runs: rings, the queue that fills them, the writers that empty them, and the keeper that watches."""
