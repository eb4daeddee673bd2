"""What is made of snapshots for people to read."""
