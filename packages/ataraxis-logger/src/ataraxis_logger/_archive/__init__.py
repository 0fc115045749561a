"""What happens to a log afterwards: order, archive, verify, read."""
